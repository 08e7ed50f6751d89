// sum-slices: the second half of a reduction in two stages. The first left one sum for each slice of the work; this adds the
// slices up in order, so that the result never depends on what ran first.
//
// forward   reads slices[count, n], writes sum[n], four numbers a thread, in the scalar twin one; the f16 twins read f32 and write f16

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

// Elements of a slice, in fours but for the scalar twin, and slices.
struct Params { n: u32, count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slices: array<lanes>;
@group(0) @binding(2) var<storage, read_write> sum: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  var total = lanes(0.0);
  let n = params.n;
  let end = i + params.count * n;
  var at = i;
  // four at a time, in order: a GPU waits once for the loads of all four
  for (; at + 4u * n <= end; at += 4u * n) { total = (((total + slices[at]) + slices[at + n]) + slices[at + 2u * n]) + slices[at + 3u * n]; }
  for (; at < end; at += n) { total += slices[at]; }
  sum[i] = narrow(total);
}
