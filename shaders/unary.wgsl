// unary: y = f(x), elementwise over any shape; KIND says which f.
//
// KIND           f                         backward reads
//  0 scale       a x                       nothing: it is scale again
//  1 leaky relu  x > 0 ? x : a x           out (a >= 0)
//  2 gelu        x cdf(x), exact           x
//  3 gelu, tanh  x sigmoid(2 u(x))         x      u = sqrt(2 / pi) (x + 0.044715 x^3)
//  4 silu        x sigmoid(x)              x
//  5 sigmoid     1 / (1 + exp(-x))         out
//  6 tanh                                  out
//  7 exp                                   out
//  8 log                                   x
//  9 sqrt                                  out
// 10 abs                                   x
// 11 clamp       min(max(x, a), b)         x
//
// forward    reads x[n],             writes y[n]
// backward   reads saved[n], dy[n],  writes dx[n] = f'(saved) dy; saved is x or out, by the table
// forward4 and backward4 are the same on vectors of four, n counting vectors.
//
// Definitions and subgradients follow PyTorch: abs has 0 at 0, clamp passes at its bounds, leaky relu takes the slope at 0.
// No exponential grows: sigmoid and tanh use exp(-|x|), so large arguments saturate instead of giving infinity over infinity.
// The normal distribution's cdf is Abramowitz and Stegun 7.1.26 (|error| < 1.5e-7), which gives its far tail without
// cancellation.

override WORKGROUP: u32 = 64;
override KIND: u32 = 0;

const SQRT_2_OVER_PI = 0.7978845608028654;
const CUBIC = 0.044715;

struct Params { n: u32, a: f32, b: f32 }

@group(0) @binding(0) var<uniform> params: Params;

fn sigmoid(v: vec4f) -> vec4f {
  let e = exp(-abs(v));
  return select(e, vec4f(1.0), v >= vec4f(0.0)) / (1.0 + e);
}

// (1 - e) / (1 + e) cancels near 0, where the series to v^9 is exact to f32.
fn tanh_of(v: vec4f) -> vec4f {
  let a = min(abs(v), vec4f(20.0));
  let e = exp(-2.0 * a);
  let a2 = a * a;
  let series = a * (1.0 + a2 * (-1.0 / 3.0 + a2 * (2.0 / 15.0 + a2 * (-17.0 / 315.0 + a2 * (62.0 / 2835.0)))));
  return sign(v) * select((1.0 - e) / (1.0 + e), series, a < vec4f(0.3));
}

fn density(v: vec4f) -> vec4f {
  let a = min(abs(v), vec4f(16.0));
  return 0.3989422804014327 * exp(-0.5 * a * a);
}

fn cdf(v: vec4f) -> vec4f {
  let a = min(abs(v), vec4f(16.0)) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let tail = 0.5 * poly * exp(-a * a);
  return select(tail, 1.0 - tail, v >= vec4f(0.0));
}

fn value(kind: u32, v: vec4f) -> vec4f {
  switch kind {
    case 1u: { return select(params.a * v, v, v > vec4f(0.0)); }
    case 2u: { return v * cdf(v); }
    case 3u: {
      let c = clamp(v, vec4f(-10.0), vec4f(10.0));
      return v * sigmoid(2.0 * SQRT_2_OVER_PI * (c + CUBIC * c * c * c));
    }
    case 4u: { return v * sigmoid(v); }
    case 5u: { return sigmoid(v); }
    case 6u: { return tanh_of(v); }
    case 7u: { return exp(v); }
    case 8u: { return log(v); }
    case 9u: { return sqrt(v); }
    case 10u: { return abs(v); }
    case 11u: { return min(max(v, vec4f(params.a)), vec4f(params.b)); }
    default: { return params.a * v; }
  }
}

fn slope(kind: u32, v: vec4f) -> vec4f {
  switch kind {
    case 1u: { return select(vec4f(params.a), vec4f(1.0), v > vec4f(0.0)); }
    case 2u: { return cdf(v) + clamp(v, vec4f(-16.0), vec4f(16.0)) * density(v); }
    case 3u: {
      let c = clamp(v, vec4f(-10.0), vec4f(10.0));
      let s = sigmoid(2.0 * SQRT_2_OVER_PI * (c + CUBIC * c * c * c));
      return s + c * s * (1.0 - s) * 2.0 * SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * c * c);
    }
    case 4u: {
      let s = sigmoid(v);
      return s * (1.0 + v * (1.0 - s));
    }
    case 5u: { return v * (1.0 - v); }
    case 6u: { return 1.0 - v * v; }
    case 7u: { return v; }
    case 8u: { return 1.0 / v; }
    case 9u: { return 0.5 / v; }
    case 10u: { return sign(v); }
    case 11u: { return select(vec4f(0.0), vec4f(1.0), (v >= vec4f(params.a)) & (v <= vec4f(params.b))); }
    default: { return vec4f(params.a); }
  }
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = value(KIND, vec4f(x[i])).x;
}

@group(0) @binding(1) var<storage, read> x4: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn forward4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y4[i] = value(KIND, x4[i]);
}

@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx[i] = slope(KIND, vec4f(saved[i])).x * dy[i];
}

@group(0) @binding(1) var<storage, read> saved4: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy4: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx4: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn backward4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx4[i] = slope(KIND, saved4[i]) * dy4[i];
}
