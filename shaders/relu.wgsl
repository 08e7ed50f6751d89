// relu: y = max(x, 0), elementwise over any shape.
//
// forward   reads x[n],          writes y[n]
// backward  reads out[n], dy[n], writes dx[n] = dy where out > 0, else 0
//
// backward reads the output, not the input, so x need not outlive the forward pass. The gradient at 0 is 0, and a NaN passes through, as in
// PyTorch (max(NaN, 0) would hide it). A grid wider than 65,535 workgroups is folded into y.

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let v = x[i];
  y[i] = select(v, 0.0, v < 0.0);
}

@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx[i] = select(0.0, dy[i], out[i] > 0.0);
}
