// ceiling: as many multiply-adds as registers allow, and as wide a copy as memory allows, for the profiler's roofs.
//
// multiply_add   writes sink[i] = a number that depends on every step: x = x * factor + term, 32 chains, 4 * rounds times
// stream         reads source[n], writes copied[n]: a group copies rounds * WORKGROUP neighbours, a row of them at a time
//
// Thirty-two independent chains hide the latency of each step. stream has no bounds to check: its grid fits exactly.
// What it reaches through a driver is that driver's ceiling for shaders, which may lie well below what a hand-written loop gets.

override WORKGROUP: u32 = 64;

struct Params { rounds: u32, factor: f32, term: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sink: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = vec4f(params.factor);
  let t = vec4f(params.term);
  let seed = vec4f(0.0, 0.25, 0.5, 0.75) + vec4f(f32(lane));
  var a = seed; var b = seed + 1.0; var c = seed + 2.0; var d = seed + 3.0;
  var e = seed + 4.0; var f = seed + 5.0; var g = seed + 6.0; var h = seed + 7.0;
  for (var r = 0u; r < params.rounds; r++) {
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
  }
  let sum = a + b + c + d + e + f + g + h;
  sink[id.x] = sum.x + sum.y + sum.z + sum.w;
}

@group(0) @binding(1) var<storage, read> source: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> copied: array<vec4u>;

@compute @workgroup_size(WORKGROUP)
fn stream(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.y * groups.x + group.x) * params.rounds * WORKGROUP + lane;
  for (var r = 0u; r < params.rounds; r++) {
    let i = first + r * WORKGROUP;
    copied[i] = source[i];
  }
}
