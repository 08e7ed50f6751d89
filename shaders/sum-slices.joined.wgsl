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

/** Four more, in order: a GPU waits once for the loads of all four. */
fn after(total: vec4f, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f { return (((total + a) + b) + c) + d; }

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let thread = id.y * groups.x * WORKGROUP + id.x;
  var total = vec4f();
  if (thread < params.a.x) {
    let at = thread;
    var i = at;
    let step = params.a.y;
    let end = at + params.a.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_a[i], slices_a[i + step], slices_a[i + 2u * step], slices_a[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_a[i]; }
    sums[params.a.w + at] = total;
  } else if (thread < params.b.x) {
    let at = thread - params.a.x;
    var i = at;
    let step = params.b.y;
    let end = at + params.b.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_b[i], slices_b[i + step], slices_b[i + 2u * step], slices_b[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_b[i]; }
    sums[params.b.w + at] = total;
  } else if (thread < params.c.x) {
    let at = thread - params.b.x;
    var i = at;
    let step = params.c.y;
    let end = at + params.c.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_c[i], slices_c[i + step], slices_c[i + 2u * step], slices_c[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_c[i]; }
    sums[params.c.w + at] = total;
  } else if (thread < params.d.x) {
    let at = thread - params.c.x;
    var i = at;
    let step = params.d.y;
    let end = at + params.d.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_d[i], slices_d[i + step], slices_d[i + 2u * step], slices_d[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_d[i]; }
    sums[params.d.w + at] = total;
  } else if (thread < params.e.x) {
    let at = thread - params.d.x;
    var i = at;
    let step = params.e.y;
    let end = at + params.e.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_e[i], slices_e[i + step], slices_e[i + 2u * step], slices_e[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_e[i]; }
    sums[params.e.w + at] = total;
  } else if (thread < params.f.x) {
    let at = thread - params.e.x;
    var i = at;
    let step = params.f.y;
    let end = at + params.f.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_f[i], slices_f[i + step], slices_f[i + 2u * step], slices_f[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_f[i]; }
    sums[params.f.w + at] = total;
  } else if (thread < params.g.x) {
    let at = thread - params.f.x;
    var i = at;
    let step = params.g.y;
    let end = at + params.g.z * step;
    for (; i + 4u * step <= end; i += 4u * step) { total = after(total, slices_g[i], slices_g[i + step], slices_g[i + 2u * step], slices_g[i + 3u * step]); }
    for (; i < end; i += step) { total += slices_g[i]; }
    sums[params.g.w + at] = total;
  }
}
