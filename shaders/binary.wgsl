// binary: y = f(a, b), elementwise, with NumPy's broadcasting; KIND says which f.
//
//  0 a + b     2 a b     4 a to the power b    6 min(a, b)
//  1 a - b     3 a / b   5 max(a, b)           7 1 where a = b, else 0
//
// forward              reads a[n], b[n],        writes y[n]
// backward             reads a[n], b[n], dy[n], writes dx[n] = dy df/da (SIDE 0) or dy df/db (SIDE 1), in the shape of y
// forward_broadcast,   the same where a and b have other shapes than y: LANES results a thread, along the last axis, whose size
// backward_broadcast   LANES divides. n counts threads; strides are in elements, 0 where an operand repeats.
// forward and backward are on vectors of four, n counting vectors; the f16 twins have these two alone.
//
// Ties of max and min share the gradient half and half, as in PyTorch; the gradient of a^b is 0 for a where b = 0, and 0 for b
// where a = 0 and b >= 0. WGSL's pow is exp2(b log2 a): 0^b, a^0, a^1, a^2 and negative a with a whole b are set right by hand.

// .half: enable f16;

override WORKGROUP: u32 = 64;
alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }
override KIND: u32 = 0;
override SIDE: u32 = 0;
override RANK: u32 = 8;
override LANES: u32 = 1;

struct Params { n: u32, dims: array<vec4<u32>, 2>, a_strides: array<vec4<u32>, 2>, b_strides: array<vec4<u32>, 2> }

@group(0) @binding(0) var<uniform> params: Params;

fn power(u: vec4f, v: vec4f) -> vec4f {
  let zero = vec4f(0.0);
  let size = pow(abs(u), v);
  let odd = abs(v - 2.0 * floor(0.5 * v)) == vec4f(1.0);
  let whole = floor(v) == v;
  var p = select(size, -size, (u < zero) & odd);
  p = select(p, log(u), (u < zero) & !whole);
  p = select(p, zero, (u == zero) & (v > zero));
  p = select(p, u * u, v == vec4f(2.0));
  p = select(p, u, v == vec4f(1.0));
  return select(p, vec4f(1.0), v == zero);
}

fn value(kind: u32, u: vec4f, v: vec4f) -> vec4f {
  switch kind {
    case 1u: { return u - v; }
    case 2u: { return u * v; }
    case 3u: { return u / v; }
    case 4u: { return power(u, v); }
    case 5u: { return max(u, v); }
    case 6u: { return min(u, v); }
    case 7u: { return select(vec4f(0.0), vec4f(1.0), u == v); }
    default: { return u + v; }
  }
}

// How much of a tie or a win goes to u.
fn share(wins: vec4<bool>, ties: vec4<bool>) -> vec4f {
  return select(select(vec4f(0.0), vec4f(1.0), wins), vec4f(0.5), ties);
}

fn slope(kind: u32, side: u32, u: vec4f, v: vec4f) -> vec4f {
  let zero = vec4f(0.0);
  switch kind {
    case 1u: { return select(vec4f(1.0), vec4f(-1.0), side == 1u); }
    case 2u: { return select(v, u, side == 1u); }
    case 3u: { return select(1.0 / v, -u / (v * v), side == 1u); }
    case 4u: {
      if (side == 0u) { return select(v * power(u, v - 1.0), zero, v == zero); }
      return select(power(u, v) * log(u), zero, (u == zero) & (v >= zero));
    }
    case 5u: { return share(select(u > v, v > u, vec4<bool>(side == 1u)), u == v); }
    case 6u: { return share(select(u < v, v < u, vec4<bool>(side == 1u)), u == v); }
    default: { return vec4f(1.0); }
  }
}

@group(0) @binding(1) var<storage, read> a4: array<stored>;
@group(0) @binding(2) var<storage, read> b4: array<stored>;
@group(0) @binding(3) var<storage, read_write> y4: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y4[i] = narrow(value(KIND, wide(a4[i]), wide(b4[i])));
}

@group(0) @binding(3) var<storage, read> dy4: array<stored>;
@group(0) @binding(4) var<storage, read_write> dx4: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx4[i] = narrow(slope(KIND, SIDE, wide(a4[i]), wide(b4[i])) * wide(dy4[i]));
}

// Where in a and b the result number i comes from: one division an axis, none for the outermost.
fn places(i: u32, rank: u32) -> vec2u {
  var rest = i;
  var at = vec2u(0u);
  for (var axis = rank - 1u; axis > 0u; axis--) {
    let size = params.dims[axis / 4u][axis % 4u];
    let quotient = rest / size;
    at += (rest - quotient * size) * vec2u(params.a_strides[axis / 4u][axis % 4u], params.b_strides[axis / 4u][axis % 4u]);
    rest = quotient;
  }
  return at + rest * vec2u(params.a_strides[0].x, params.b_strides[0].x);
}

@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// As many neighbours along the last axis as a thread has lanes.
fn lanes_of_a(at: u32, lanes: u32, rank: u32) -> vec4f {
  if (lanes == 1u) { return vec4f(a[at]); }
  let step = params.a_strides[(rank - 1u) / 4u][(rank - 1u) % 4u];
  return vec4f(a[at], a[at + step], a[at + 2u * step], a[at + 3u * step]);
}

fn lanes_of_b(at: u32, lanes: u32, rank: u32) -> vec4f {
  if (lanes == 1u) { return vec4f(b[at]); }
  let step = params.b_strides[(rank - 1u) / 4u][(rank - 1u) % 4u];
  return vec4f(b[at], b[at + step], b[at + 2u * step], b[at + 3u * step]);
}

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn forward_broadcast(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let thread = id.y * groups.x * WORKGROUP + id.x;
  if (thread >= params.n) { return; }
  let i = thread * LANES;
  let at = places(i, RANK);
  let w = value(KIND, lanes_of_a(at.x, LANES, RANK), lanes_of_b(at.y, LANES, RANK));
  for (var k = 0u; k < LANES; k++) { y[i + k] = w[k]; }
}

@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn backward_broadcast(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let thread = id.y * groups.x * WORKGROUP + id.x;
  if (thread >= params.n) { return; }
  let i = thread * LANES;
  let at = places(i, RANK);
  let w = slope(KIND, SIDE, lanes_of_a(at.x, LANES, RANK), lanes_of_b(at.y, LANES, RANK));
  for (var k = 0u; k < LANES; k++) { dx[i + k] = w[k] * dy[i + k]; }
}
