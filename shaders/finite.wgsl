// finite: does a buffer hold a NaN or an infinity? Used by the debug replay of a plan, never by a step.
//
// check       reads x[n], sets flags[slot] to 1 if any element is not finite
// check_half  the same for pairs of f16
//
// The exponent bits are tested as integers: a compiler may assume that floats are finite.

override WORKGROUP: u32 = 64;

struct Params { n: u32, slot: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;

@compute @workgroup_size(WORKGROUP)
fn check(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  if ((x[i] & 0x7f800000u) == 0x7f800000u) { atomicStore(&flags[params.slot], 1u); }
}

@compute @workgroup_size(WORKGROUP)
fn check_half(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  if ((x[i] & 0x7c00u) == 0x7c00u || (x[i] & 0x7c000000u) == 0x7c000000u) { atomicStore(&flags[params.slot], 1u); }
}
