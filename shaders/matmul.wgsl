// matmul: c[m,n] = sum over k of a[m,k] * b[k,n], for each of a batch of matrices. The plain family: it runs on every device, shape
// and layout.
//
// forward   reads a, b, writes partial[slices, batch, m, n]
//
// Operands are read through strides, so a transposed one costs nothing extra, and a batch stride of 0 shares one matrix.
// A thread computes 4 x 4 results in registers; no workgroup memory and no barrier. Threads of a workgroup lie `lanes` blocks of
// columns wide. Where the result is small and k long, k is cut into slices with threads of their own, which sum-slices.wgsl adds
// up in order.

// .half: enable f16;

alias stored = f32; // .half: f16 // .packed: u32

override WORKGROUP: u32 = 64;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  batch: u32,
  a: vec3u,          // strides of a: batch, m, k
  lanes: u32,        // blocks of columns side by side in a workgroup; divides their number
  b: vec3u,          // strides of b: batch, k, n
  slices: u32,
  slice: u32,        // length of a slice of k
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> left: array<stored>;
@group(0) @binding(2) var<storage, read> right: array<stored>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

fn left_at(i: u32) -> f32 { return left[i]; } // .half: fn left_at(i: u32) -> f32 { return f32(left[i]); }
// .packed: fn left_at(i: u32) -> f32 { return unpack2x16float(left[i / 2u])[i % 2u]; }
fn right_at(i: u32) -> f32 { return right[i]; } // .half: fn right_at(i: u32) -> f32 { return f32(right[i]); }
// .packed: fn right_at(i: u32) -> f32 { return unpack2x16float(right[i / 2u])[i % 2u]; }

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let across = (params.n + 3) / 4 / params.lanes;
  let down = ((params.m + 3) / 4 * params.lanes + WORKGROUP - 1) / WORKGROUP;
  let team = id.y * groups.x + id.x;
  let matrix = team / across / down;
  let row = 4 * (team / across % down * (WORKGROUP / params.lanes) + local / params.lanes);
  let column = 4 * (team % across * params.lanes + local % params.lanes);
  if (row >= params.m || matrix >= params.slices * params.batch) { return; }

  // Past the end the last row or column repeats.
  let rows = min(row + vec4u(0, 1, 2, 3), vec4u(params.m - 1));
  let columns = min(column + vec4u(0, 1, 2, 3), vec4u(params.n - 1));
  let first = matrix / params.batch * params.slice;
  var i = matrix % params.batch * params.a.x + rows * params.a.y + first * params.a.z;
  var j = matrix % params.batch * params.b.x + columns * params.b.z + first * params.b.y;
  var sums = mat4x4f();
  for (var k = first; k < min(first + params.slice, params.k); k++) {
    let u = vec4f(left_at(i.x), left_at(i.y), left_at(i.z), left_at(i.w));
    let v = vec4f(right_at(j.x), right_at(j.y), right_at(j.z), right_at(j.w));
    sums[0] += u.x * v;
    sums[1] += u.y * v;
    sums[2] += u.z * v;
    sums[3] += u.w * v;
    i += params.a.z;
    j += params.b.y;
  }

  for (var r = 0u; r < 4 && row + r < params.m; r++) {
    let at = (matrix * params.m + row + r) * params.n + column;
    let values = sums[r];
    for (var c = 0u; c < 4 && column + c < params.n; c++) { partial[at + c] = values[c]; }
  }
}
