// ceiling.half: ceiling.wgsl with 16-bit floats, where shader-f16 is there: the roof of kernels that compute in them.
//
// multiply_add   writes sink[i] = a number that depends on every step: x = x * factor + term, 32 chains, 2 * rounds times

enable f16;

override WORKGROUP: u32 = 64;

struct Params { rounds: u32, factor: f32, term: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sink: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = vec4h(f16(params.factor));
  let t = vec4h(f16(params.term));
  let seed = vec4h(0.0, 0.25, 0.5, 0.75) + vec4h(f16(lane));
  var a = seed; var b = seed + 1.0; var c = seed + 2.0; var d = seed + 3.0;
  var e = seed + 4.0; var f = seed + 5.0; var g = seed + 6.0; var h = seed + 7.0;
  for (var r = 0u; r < params.rounds; r++) {
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
    a = fma(a, m, t); b = fma(b, m, t); c = fma(c, m, t); d = fma(d, m, t);
    e = fma(e, m, t); f = fma(f, m, t); g = fma(g, m, t); h = fma(h, m, t);
  }
  let sum = vec4f(a + b + c + d + e + f + g + h);
  sink[id.x] = sum.x + sum.y + sum.z + sum.w;
}
