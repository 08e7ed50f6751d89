// copy: y = x, whatever the bits mean.
//
// forward   reads x[n], writes y[n], four words a thread, or one in the scalar twin
//
// A grid wider than 65,535 workgroups is folded into y.

alias lanes = vec4u; // .scalar: u32

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = x[i];
}
