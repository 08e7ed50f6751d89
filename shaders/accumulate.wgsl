// accumulate: y = a + b, elementwise: the sum of two gradients of one tensor.
//
// forward   reads a[n], b[n], writes y[n], four elements a thread, or one in the scalar twin
//
// A grid wider than 65,535 workgroups is folded into y.

alias lanes = vec4f; // .scalar: f32

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<lanes>;
@group(0) @binding(2) var<storage, read> b: array<lanes>;
@group(0) @binding(3) var<storage, read_write> y: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = a[i] + b[i];
}
