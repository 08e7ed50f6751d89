// sum-slices: the second half of a reduction in two stages. The first left one sum for each slice of the work; this adds the
// slices up in order, so that the result never depends on what ran first.
//
// forward   reads slices[count, n], writes sum[n]

override WORKGROUP: u32 = 64;

struct Params { n: u32, count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slices: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  var total = 0.0;
  for (var slice = 0u; slice < params.count; slice++) { total += slices[slice * params.n + i]; }
  sum[i] = total;
}
