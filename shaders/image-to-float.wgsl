// image-to-float: y = (x / 255 - mean) / deviation per channel: 8-bit images to the numbers a network wants.
//
// forward   reads x[n], four 8-bit values to a word, lowest byte first; writes y[n]. The channel is the last axis, 1 to 4 of them.
//
// One thread takes a word.

override WORKGROUP: u32 = 64;

struct Params { n: u32, channels: u32, mean: vec4f, deviation: vec4f }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let word = id.y * groups.x * WORKGROUP + id.x;
  if (4u * word >= params.n) { return; }
  let bytes = x[word];
  var c = 4u * word % params.channels;
  for (var k = 0u; k < 4u; k++) {
    let i = 4u * word + k;
    if (i >= params.n) { return; }
    y[i] = (f32((bytes >> (8u * k)) & 255u) / 255.0 - params.mean[c]) / params.deviation[c];
    c = select(c + 1u, 0u, c + 1u == params.channels);
  }
}
