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

/** A thread's member, of seven; its first slice, the distance to the next and where they end; where the sum goes. */
struct Mine { member: u32, at: u32, step: u32, end: u32, to: u32 }

fn mine_of(member: u32, its: vec4u, thread: u32) -> Mine { return Mine(member, thread, its.y, thread + its.z * its.y, its.w + thread); }

fn member_of(thread: u32) -> Mine {
  if (thread < params.a.x) { return mine_of(0u, params.a, thread); }
  if (thread < params.b.x) { return mine_of(1u, params.b, thread - params.a.x); }
  if (thread < params.c.x) { return mine_of(2u, params.c, thread - params.b.x); }
  if (thread < params.d.x) { return mine_of(3u, params.d, thread - params.c.x); }
  if (thread < params.e.x) { return mine_of(4u, params.e, thread - params.d.x); }
  if (thread < params.f.x) { return mine_of(5u, params.f, thread - params.e.x); }
  if (thread < params.g.x) { return mine_of(6u, params.g, thread - params.f.x); }
  return Mine(7u, 0u, 0u, 0u, 0u);
}

/** Four more, in order: a GPU waits once for the loads of all four. */
fn after(total: vec4f, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f { return (((total + a) + b) + c) + d; }

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let mine = member_of(id.y * groups.x * WORKGROUP + id.x);
  if (mine.member == 7u) { return; }
  let one = mine.step;
  let four = 4u * one;
  var i = mine.at;
  var total = vec4f();
  if (mine.member == 0u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_a[i], slices_a[i + one], slices_a[i + 2u * one], slices_a[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_a[i]; }
  } else if (mine.member == 1u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_b[i], slices_b[i + one], slices_b[i + 2u * one], slices_b[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_b[i]; }
  } else if (mine.member == 2u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_c[i], slices_c[i + one], slices_c[i + 2u * one], slices_c[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_c[i]; }
  } else if (mine.member == 3u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_d[i], slices_d[i + one], slices_d[i + 2u * one], slices_d[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_d[i]; }
  } else if (mine.member == 4u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_e[i], slices_e[i + one], slices_e[i + 2u * one], slices_e[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_e[i]; }
  } else if (mine.member == 5u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_f[i], slices_f[i + one], slices_f[i + 2u * one], slices_f[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_f[i]; }
  } else if (mine.member == 6u) {
    for (; i + four <= mine.end; i += four) { total = after(total, slices_g[i], slices_g[i + one], slices_g[i + 2u * one], slices_g[i + 3u * one]); }
    for (; i < mine.end; i += one) { total += slices_g[i]; }
  }
  sums[mine.to] = total;
}
