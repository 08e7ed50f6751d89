// upsampled-conv2d: what surrounds the products of a 3x3 convolution over an image that was doubled by repeating its pixels.
//
// Every pixel of the image as it was is multiplied by every tap once, z[n,h,w,9,k], instead of once for each of the four places where the
// tap meets it; a result is then the sum of nine of these products. Along an axis, the result 2 i + a reads
//   tap 0 of i - 1 + a, tap 1 of i, tap 2 of i + a,
// and so the product of tap r at i belongs to the results 2 i - r + 1 and 2 i - r + 2. What lies outside counts as 0.
//
// split    reads w[k,9,c+d],               writes taps[9,k,c], own[k,9,d]
// join     reads dtaps[9,k,c], down[k,9,d], writes dw[k,9,c+d]
// spread   reads z[n,h,w,9,k],             writes y[n,2h,2w,k], or adds to it
// collect  reads dy[n,2h,2w,k],            writes dz[n,h,w,9,k]
//
// Channels and filters come in fours; in .scalar one by one. The twins .half and .packed keep images and filters in f16; gradients of
// filters are f32, and so is dz, of which they are made.

// .half: enable f16;

alias value = vec4f; // .scalar: f32
alias stored = vec4f; // .half: vec4<f16> // .packed: vec2u // .scalar: f32
fn wide(v: stored) -> value { return v; } // .half: fn wide(v: stored) -> value { return vec4f(v); }
// .packed: fn wide(v: stored) -> value { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: value) -> stored { return v; } // .half: fn narrow(v: value) -> stored { return vec4<f16>(v); }
// .packed: fn narrow(v: value) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

struct Params {
  n: u32,        // threads
  size: vec2u,   // h, w
  filters: u32,
  // in fours, as tensors are
  c: u32,
  d: u32,
  k: u32,
  run: u32,      // columns of the small image that a thread of spread or collect walks along
  add: u32,      // whether spread adds
}

@group(0) @binding(0) var<uniform> params: Params;

// Threads that walk a row of channels together, so that eight lanes read and write in a line.
const walkers = 8u;

// Row (f, t) of filters as row (t, f) of taps.
fn by_tap(row: u32) -> u32 {
  let f = row / 9u;
  return (row - f * 9u) * params.filters + f;
}

@group(0) @binding(1) var<storage, read> w: array<stored>;
@group(0) @binding(2) var<storage, read_write> taps: array<stored>;
@group(0) @binding(3) var<storage, read_write> own: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn split(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let row = i / walkers;
  let first = row * (params.c + params.d);
  let to = by_tap(row) * params.c;
  for (var x = i % walkers; x < params.c; x += walkers) { taps[to + x] = w[first + x]; }
  for (var x = i % walkers; x < params.d; x += walkers) { own[row * params.d + x] = w[first + params.c + x]; }
}

@group(0) @binding(1) var<storage, read> dtaps: array<value>;
@group(0) @binding(2) var<storage, read> down: array<value>;
@group(0) @binding(3) var<storage, read_write> dw: array<value>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn join(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let row = i / walkers;
  let first = row * (params.c + params.d);
  let at = by_tap(row) * params.c;
  for (var x = i % walkers; x < params.c; x += walkers) { dw[first + x] = dtaps[at + x]; }
  for (var x = i % walkers; x < params.d; x += walkers) { dw[first + params.c + x] = down[row * params.d + x]; }
}

// Where a thread begins: four channels of a line of the image that lines are counted in, and columns [first, end) of the small image.
struct Run { image: u32, line: u32, quad: u32, first: u32, end: u32 }

fn run_of(i: u32, lines: u32) -> Run {
  let runs = (params.size.y + params.run - 1u) / params.run;
  let rest = i / params.k;
  let line = rest / runs;
  let image = line / lines;
  let first = (rest - line * runs) * params.run;
  return Run(image, line - image * lines, i - rest * params.k, first, min(first + params.run, params.size.y));
}

@group(0) @binding(1) var<storage, read> z: array<stored>;
@group(0) @binding(2) var<storage, read_write> y: array<stored>;

// A tap's product at a pixel of the small image. Above or left of it these wrap round to huge numbers, so one comparison finds both ends.
fn product(image: u32, row: u32, column: u32, tap: u32, quad: u32) -> value {
  let inside = row < params.size.x && column < params.size.y;
  let at = ((image * params.size.x + row) * params.size.y + column) * 9u + tap;
  return select(value(), wide(z[select(0u, at * params.k + quad, inside)]), inside);
}

@compute @workgroup_size(WORKGROUP)
fn spread(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, 2u * params.size.x);
  // the rows that the three taps read
  let r0 = (run.line + 1u) / 2u - 1u;
  let r1 = run.line / 2u;
  let r2 = (run.line + 3u) / 2u - 1u;
  var o = ((run.image * 2u * params.size.x + run.line) * params.size.y + run.first) * 2u * params.k + run.quad;
  // sums over rows, of the column before, this one and the one behind, tap by tap of a column
  var before0 = value();
  var here0 = value();
  var here1 = value();
  var here2 = value();
  for (var column = run.first - 1u; column != run.end + 1u; column++) {
    let next0 = product(run.image, r0, column, 0u, run.quad) + product(run.image, r1, column, 3u, run.quad) + product(run.image, r2, column, 6u, run.quad);
    let next1 = product(run.image, r0, column, 1u, run.quad) + product(run.image, r1, column, 4u, run.quad) + product(run.image, r2, column, 7u, run.quad);
    let next2 = product(run.image, r0, column, 2u, run.quad) + product(run.image, r1, column, 5u, run.quad) + product(run.image, r2, column, 8u, run.quad);
    if (column != run.first - 1u && column != run.first) {
      let left = before0 + here1 + here2;
      let right = here0 + here1 + next2;
      if (params.add != 0u) {
        y[o] = narrow(wide(y[o]) + left);
        y[o + params.k] = narrow(wide(y[o + params.k]) + right);
      } else {
        y[o] = narrow(left);
        y[o + params.k] = narrow(right);
      }
      o += 2u * params.k;
    }
    before0 = here0;
    here0 = next0;
    here1 = next1;
    here2 = next2;
  }
}

@group(0) @binding(1) var<storage, read> dy: array<stored>;
@group(0) @binding(2) var<storage, read_write> dz: array<value>;

fn gradient(image: u32, row: u32, column: u32, quad: u32) -> value {
  let inside = row < 2u * params.size.x && column < 2u * params.size.y;
  let at = (image * 2u * params.size.x + row) * 2u * params.size.y + column;
  return select(value(), wide(dy[select(0u, at * params.k + quad, inside)]), inside);
}

@compute @workgroup_size(WORKGROUP)
fn collect(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.size.x);
  let row = 2u * run.line;
  var o = ((run.image * params.size.x + run.line) * params.size.y + run.first) * 9u * params.k + run.quad;
  // sums over the two rows that each tap's product went to, tap by tap of a row, of the last two columns
  var odd0 = value();
  var odd1 = value();
  var odd2 = value();
  var even0 = value();
  var even1 = value();
  var even2 = value();
  for (var column = run.first - 1u; column != run.end; column++) {
    let right = 2u * column + 1u;
    let a0 = gradient(run.image, row - 1u, right, run.quad);
    let a1 = gradient(run.image, row, right, run.quad);
    let a2 = gradient(run.image, row + 1u, right, run.quad);
    let a3 = gradient(run.image, row + 2u, right, run.quad);
    let b0 = gradient(run.image, row - 1u, right + 1u, run.quad);
    let b1 = gradient(run.image, row, right + 1u, run.quad);
    let b2 = gradient(run.image, row + 1u, right + 1u, run.quad);
    let b3 = gradient(run.image, row + 2u, right + 1u, run.quad);
    if (column != run.first - 1u) {
      dz[o] = a2 + a3 + b2 + b3;
      dz[o + params.k] = even0 + a2 + a3;
      dz[o + 2u * params.k] = odd0 + even0;
      dz[o + 3u * params.k] = a1 + a2 + b1 + b2;
      dz[o + 4u * params.k] = even1 + a1 + a2;
      dz[o + 5u * params.k] = odd1 + even1;
      dz[o + 6u * params.k] = a0 + a1 + b0 + b1;
      dz[o + 7u * params.k] = even2 + a0 + a1;
      dz[o + 8u * params.k] = odd2 + even2;
      o += 9u * params.k;
    }
    odd0 = a2 + a3;
    odd1 = a1 + a2;
    odd2 = a0 + a1;
    even0 = b2 + b3;
    even1 = b1 + b2;
    even2 = b0 + b1;
  }
}
