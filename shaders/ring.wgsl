// ring: keeps the last values of a scalar on the device, so that losses are read now and then and never inside a step.
//
// push      reads x[1], writes ring[1 + ring[0] mod size] = x as bits, ring[0] += 1

struct Params { size: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> ring: array<u32>;

@compute @workgroup_size(1)
fn push() {
  let count = ring[0];
  ring[1u + count % params.size] = x[0];
  ring[0] = count + 1u;
}
