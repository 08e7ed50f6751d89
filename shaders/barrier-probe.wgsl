// barrier-probe: what a workgroup barrier costs. Threads hand a number around a ring, `turns` times; after each turn all wait for all.
// barrier-probe.free.wgsl does the same work without waiting, in a module of its own: some software drivers make a shader many times
// slower where a barrier is anywhere in it.
//
// forward   writes y[i], i over all threads

struct Params { turns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

var<workgroup> ring: array<u32, 64>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  var value = id.x;
  for (var turn = 0u; turn < params.turns; turn++) {
    ring[lane] = value;
    workgroupBarrier();
    value = value * 5u + ring[(lane + 1u) % 64u];
    workgroupBarrier();
  }
  y[id.x] = value;
}
