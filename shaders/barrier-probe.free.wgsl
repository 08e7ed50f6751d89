// barrier-probe.free: the work of barrier-probe.wgsl without its barriers; each thread reads back what it wrote itself.
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
    value = value * 5u + ring[lane];
  }
  y[id.x] = value;
}
