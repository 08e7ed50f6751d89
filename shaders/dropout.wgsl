// dropout: y = x / (1 - p) where a random draw keeps the element, else 0. The draws come from a counter, not from a stream: they
// are a hash of (seed, call, position), so the backward pass makes the mask again from the key instead of storing it, and a
// replayed plan, which advances the counter on the device, draws anew.
//
// draw    one thread: reads and writes state = (seed, counter), writes key = state before, then counter + 1
// apply   reads x[n], key, writes y[n]; forward on x, backward on dy with the same key
//
// An element is kept where its 32 bits are at least `threshold` = p 2^32. One hash serves four neighbours: pcg4d of (element / 4,
// seed, counter, 0) from Jarzynski and Olano, Hash Functions for GPU Rendering, 2020.

override WORKGROUP: u32 = 64;

struct Params { n: u32, threshold: u32, scale: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<u32>;
@group(0) @binding(2) var<storage, read_write> drawn: array<u32>;

@compute @workgroup_size(1)
fn draw() {
  drawn[0] = state[0];
  drawn[1] = state[1];
  state[1] = state[1] + 1u;
}

fn pcg4d(start: vec4u) -> vec4u {
  var v = start * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn apply(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let four = id.y * groups.x * WORKGROUP + id.x;
  if (4u * four >= params.n) { return; }
  let bits = pcg4d(vec4u(four, key[0], key[1], 0u));
  for (var k = 0u; k < 4u; k++) {
    let i = 4u * four + k;
    if (i >= params.n) { return; }
    y[i] = select(0.0, x[i] * params.scale, bits[k] >= params.threshold);
  }
}
