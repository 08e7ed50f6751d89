// accumulate: y = a + b, elementwise: the sum of two gradients of one tensor.
//
// forward   reads a[n], b[n], writes y[n], four elements a thread, or one in the scalar twin
//
// A grid wider than 65,535 workgroups is folded into y.

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<stored>;
@group(0) @binding(2) var<storage, read> b: array<stored>;
@group(0) @binding(3) var<storage, read_write> y: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = narrow(wide(a[i]) + wide(b[i]));
}
