// relu: y = max(x, 0), elementwise over any shape.
//
// forward   reads x[n],          writes y[n]
// backward  reads out[n], dy[n], writes dx[n] = dy where out > 0, else 0
//
// Four elements a thread, or one in the scalar twin. backward reads the output, not the input, so x need not outlive the forward
// pass. The gradient at 0 is 0, and a NaN passes through, as in PyTorch (max(NaN, 0) would hide it). A grid wider than 65,535
// workgroups is folded into y.

alias lanes = vec4f; // .scalar: f32

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let v = x[i];
  y[i] = select(v, lanes(0.0), v < lanes(0.0));
}

@group(0) @binding(1) var<storage, read> out: array<lanes>;
@group(0) @binding(2) var<storage, read> dy: array<lanes>;
@group(0) @binding(3) var<storage, read_write> dx: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx[i] = select(lanes(0.0), dy[i], out[i] > lanes(0.0));
}
