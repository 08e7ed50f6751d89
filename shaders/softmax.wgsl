// softmax: y = exp(x - m) / s over the middle axis of x[outer, length, inner], with m the maximum and s = sum exp(x - m) of each
// row; LOG 1 gives log softmax, y = x - m - log s. Subtracting m keeps every exponential at most 1.
//
// rows           reads x,           writes stats[outer * inner] = (m, s); n counts rows
// forward        reads x, stats,    writes y; n counts elements
// backward_rows  reads out, dy,     writes sums[outer * inner] = sum of out dy (LOG: of dy); n counts rows
// backward       reads out, dy, sums, writes dx = out (dy - sum) (LOG: dy - exp(out) sum); n counts elements
//
// One thread walks a row, in order.

override WORKGROUP: u32 = 64;
override LOG: u32 = 0;

struct Params { n: u32, length: u32, inner: u32 }

@group(0) @binding(0) var<uniform> params: Params;

// The first element of a row.
fn start_of(row: u32) -> u32 {
  return row / params.inner * params.length * params.inner + row % params.inner;
}

// The row of an element.
fn row_of(i: u32) -> u32 {
  let above = i / params.inner;
  return above / params.length * params.inner + (i - above * params.inner);
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> stats: array<vec2f>;

@compute @workgroup_size(WORKGROUP)
fn rows(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP + id.x;
  if (row >= params.n) { return; }
  let start = start_of(row);
  var most = x[start];
  for (var k = 1u; k < params.length; k++) { most = max(most, x[start + k * params.inner]); }
  var total = 0.0;
  for (var k = 0u; k < params.length; k++) { total += exp(x[start + k * params.inner] - most); }
  stats[row] = vec2f(most, total);
}

@group(0) @binding(2) var<storage, read> row_stats: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let s = row_stats[row_of(i)];
  let centred = x[i] - s.x;
  if (LOG == 1u) { y[i] = centred - log(s.y); } else { y[i] = exp(centred) / s.y; }
}

@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_rows(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP + id.x;
  if (row >= params.n) { return; }
  let start = start_of(row);
  var total = 0.0;
  for (var k = 0u; k < params.length; k++) {
    let i = start + k * params.inner;
    if (LOG == 1u) { total += dy[i]; } else { total += out[i] * dy[i]; }
  }
  sums[row] = total;
}

@group(0) @binding(3) var<storage, read> row_sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let total = row_sums[row_of(i)];
  if (LOG == 1u) { dx[i] = dy[i] - exp(out[i]) * total; } else { dx[i] = out[i] * (dy[i] - total); }
}
