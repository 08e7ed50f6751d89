// sum-slices.joined: up to seven sums of slices at once (sum-slices.wgsl), whose results lie in one buffer. A training step has dozens of
// small ones that nobody needs before the optimiser.
//
// forward   reads slices_a[count, n], ... slices_g, writes sums, all in vec4. Member a has params.a = (first thread after it, n, count,
//           where in sums it begins), and so on; a member that is not there has no threads.

override WORKGROUP: u32 = 64;

struct Params { a: vec4u, b: vec4u, c: vec4u, d: vec4u, e: vec4u, f: vec4u, g: vec4u }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> slices_a: array<vec4f>;
@group(0) @binding(2) var<storage, read> slices_b: array<vec4f>;
@group(0) @binding(3) var<storage, read> slices_c: array<vec4f>;
@group(0) @binding(4) var<storage, read> slices_d: array<vec4f>;
@group(0) @binding(5) var<storage, read> slices_e: array<vec4f>;
@group(0) @binding(6) var<storage, read> slices_f: array<vec4f>;
@group(0) @binding(7) var<storage, read> slices_g: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  var total = vec4f();
  if (i < params.a.x) {
    let at = i;
    for (var slice = 0u; slice < params.a.z; slice++) { total += slices_a[slice * params.a.y + at]; }
    sums[params.a.w + at] = total;
  } else if (i < params.b.x) {
    let at = i - params.a.x;
    for (var slice = 0u; slice < params.b.z; slice++) { total += slices_b[slice * params.b.y + at]; }
    sums[params.b.w + at] = total;
  } else if (i < params.c.x) {
    let at = i - params.b.x;
    for (var slice = 0u; slice < params.c.z; slice++) { total += slices_c[slice * params.c.y + at]; }
    sums[params.c.w + at] = total;
  } else if (i < params.d.x) {
    let at = i - params.c.x;
    for (var slice = 0u; slice < params.d.z; slice++) { total += slices_d[slice * params.d.y + at]; }
    sums[params.d.w + at] = total;
  } else if (i < params.e.x) {
    let at = i - params.d.x;
    for (var slice = 0u; slice < params.e.z; slice++) { total += slices_e[slice * params.e.y + at]; }
    sums[params.e.w + at] = total;
  } else if (i < params.f.x) {
    let at = i - params.e.x;
    for (var slice = 0u; slice < params.f.z; slice++) { total += slices_f[slice * params.f.y + at]; }
    sums[params.f.w + at] = total;
  } else if (i < params.g.x) {
    let at = i - params.f.x;
    for (var slice = 0u; slice < params.g.z; slice++) { total += slices_g[slice * params.g.y + at]; }
    sums[params.g.w + at] = total;
  }
}
