// loss-scale: what a step of mixed precision does about overflow, decided on the device. The loss's gradient is seeded with a factor,
// so that small gradients do not vanish in f16; the optimiser divides by it, or skips the step where a gradient overflowed.
// Definition: torch.amp.GradScaler, https://pytorch.org/docs/stable/amp.html#gradient-scaling
//
// check_chunk   partial[8 i + lane] = sum of squares of chunk i's gradient / factor, every eighth vec4 of it, or -1 if any of them is not finite
// merge_chunks  merged[j] = sum of every STRIPES-th number of partial from j on, or -1 if any of them is -1
// decide        reads merged; where any is -1: scale = (0, 1), the factor is multiplied by `backoff`. Else scale = (clip / factor, 0)
//               with clip = min(1, max_norm / (norm + 1e-6)), or 1 if max_norm is 0; and after `interval` such steps in a row
//               the factor is multiplied by `growth`, unless that is infinite. norm = sqrt(sum of merged), or -1
//
// `chunks` as in optimizer.wgsl: y = first vec4 of a gradient, z = elements. `state` = (factor, steps since it last changed, steps
// skipped so far). Eight threads a chunk in check_chunk, as in norm_chunk there; STRIPES in merge_chunks; one in decide.

override WORKGROUP: u32 = 64;

struct Params { first: u32, count: u32, growth: f32, backoff: f32, interval: f32, max_norm: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn check_chunk(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * WORKGROUP + id.x;
  let number = index / 8u;
  if (number >= params.count) { return; }
  let chunk = chunks[params.first + number];
  let unscale = 1.0 / factor[0];
  var sum = vec4f(0.0);
  // Exponent bits, as integers: a compiler may assume that floats are finite.
  var widest = vec4u(0u);
  let size = (chunk.z + 3u) / 4u;
  for (var i = index % 8u; i < size; i += 8u) {
    let inside = vec4u(0u, 1u, 2u, 3u) + 4u * i < vec4u(chunk.z);
    let g = select(vec4f(0.0), gradient[chunk.y + i], inside);
    widest = max(widest, bitcast<vec4u>(g) & vec4u(0x7f800000u));
    let u = g * unscale;
    sum += u * u;
  }
  let most = max(max(widest.x, widest.y), max(widest.z, widest.w));
  partial[8u * params.first + index] = select((sum.x + sum.y) + (sum.z + sum.w), -1.0, most == 0x7f800000u);
}

@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> merged: array<f32>;

const STRIPES = 512u;

@compute @workgroup_size(64)
fn merge_chunks(@builtin(global_invocation_id) id: vec3u) {
  var sum = 0.0;
  var overflow = false;
  for (var i = id.x; i < 8u * params.count; i += STRIPES) {
    sum += partials[i];
    overflow = overflow || partials[i] < 0.0;
  }
  merged[id.x] = select(sum, -1.0, overflow);
}

@group(0) @binding(1) var<storage, read> stripes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale: array<f32>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>;

@compute @workgroup_size(1)
fn decide() {
  var sums = vec4f();
  var overflow = false;
  for (var i = 0u; i < STRIPES / 4u; i++) {
    sums += stripes[i];
    overflow = overflow || any(stripes[i] < vec4f());
  }
  let before = state[0];
  if (overflow) {
    state[0] = before * params.backoff;
    state[1] = 0.0;
    state[2] += 1.0;
    scale[0] = 0.0;
    scale[1] = 1.0;
    norm[0] = -1.0;
    return;
  }
  let length = sqrt((sums.x + sums.y) + (sums.z + sums.w));
  let grown = before * params.growth;
  let due = state[1] + 1.0 == params.interval;
  state[0] = select(before, grown, due && (bitcast<u32>(grown) & 0x7f800000u) != 0x7f800000u);
  state[1] = select(state[1] + 1.0, 0.0, due);
  scale[0] = select(1.0, min(1.0, params.max_norm / (length + 1e-6)), params.max_norm > 0.0) / before;
  scale[1] = 0.0;
  norm[0] = length;
}
