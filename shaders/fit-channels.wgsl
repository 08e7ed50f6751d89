// fit-channels: a matrix with zeros after its rows and columns, or without its last ones: what kernels that read in fours need around them.
//
// forward  reads x[rows,columns], writes y[to_rows,to_columns], y[i,j] = x[i,j] where that exists, else 0

override WORKGROUP: u32 = 64;

struct Params { rows: u32, columns: u32, to_rows: u32, to_columns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.to_rows * params.to_columns) { return; }
  let row = i / params.to_columns;
  let column = i % params.to_columns;
  var v = 0.0;
  if (row < params.rows && column < params.columns) { v = x[row * params.columns + column]; }
  y[i] = v;
}
