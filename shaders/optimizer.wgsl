// optimizer: one update of all parameters in a few dispatches.
//
// Parameters, gradients and moments lie in large buffers; `chunks` says which ranges belong together: x = first vec4 of the
// parameter, y = first vec4 of its gradient (the moments lie as the gradients do), z = elements (at most 4 * CHUNK), w = group.
// `hyper[group]` = (learning rate, weight decay), written by the host between steps. `counter` = (steps done as f32,
// 1 - beta1^t, 1 - beta2^t). `scale` = (what multiplies every gradient, 1 where the step
// is skipped): clipping, and loss-scale.wgsl.
//
// gather        gathered += share * fresh, over vec4s: gradients of the parts of a batch
// advance       counter = the next step's, unless it is skipped; one thread
// adam          Kingma and Ba 2015 as torch.optim.Adam; DECOUPLED: Loshchilov and Hutter 2019 as torch.optim.AdamW
// sgd           torch.optim.SGD with momentum (dampening 0) and Nesterov
// norm_chunk    partial[8 i + lane] = sum of squares of chunk i's gradient, every eighth vec4 of it
// norm_merge    merged[j] = sum of every STRIPES-th number of partial from j on
// norm_scale    norm = sqrt(sum of merged), scale = min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_
//
// One thread a vec4 in gather; eight a chunk in norm_chunk, which read 128 bytes at a time. In adam and sgd a workgroup has a chunk, CHUNK vec4s, and eight lanes, which load
// 128 bytes, walk a run of it front to back: a processor fetches ahead what is read in order. Ranges begin at multiples of 256 bytes; the tail of the
// last vec4 lies in padding and is left alone.

override WORKGROUP: u32 = 64;
override CHUNK: u32 = 1024;
override DECOUPLED: bool = false;
override NESTEROV: bool = false;

struct Params { first: u32, count: u32, beta1: f32, beta2: f32, eps: f32, log_beta1: f32, log_beta2: f32, max_norm: f32, share: f32 }

@group(0) @binding(0) var<uniform> params: Params;

// 1 - exp(x) for x <= 0 without cancellation near 0.
fn one_minus_exp(x: f32) -> f32 {
  if (x > -0.05) { return -x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * 0.008333334)))); }
  return 1.0 - exp(x);
}

@group(0) @binding(1) var<storage, read> fresh: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gathered: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * WORKGROUP + id.x;
  if (index >= params.count) { return; }
  gathered[index] += params.share * fresh[index];
}

@group(0) @binding(1) var<storage, read_write> counter: array<f32>;

@compute @workgroup_size(1)
fn advance() {
  if (scale[1] != 0.0) { return; }
  let t = counter[0] + 1.0;
  counter[0] = t;
  counter[1] = one_minus_exp(t * params.log_beta1);
  counter[2] = one_minus_exp(t * params.log_beta2);
}

@group(0) @binding(1) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(2) var<storage, read> hyper: array<vec2f>;
@group(0) @binding(3) var<storage, read> correction: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> parameter: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> first_moment: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> second_moment: array<vec4f>;

// What a lane does of a chunk of so many vec4s: every eighth of its run.
struct Run { first: u32, end: u32 }

fn run_of(lane: u32, size: u32) -> Run {
  let length = (size + WORKGROUP - 1u) / WORKGROUP * 8u;
  let begin = lane / 8u * length;
  return Run(begin + lane % 8u, min(begin + length, size));
}

fn inside(at: u32, count: u32) -> vec4<bool> {
  let index = vec4u(0u, 1u, 2u, 3u) + 4u * at;
  let end = vec4u(count);
  return index < end;
}

@compute @workgroup_size(WORKGROUP)
fn adam(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = group.y * groups.x + group.x;
  if (index >= params.count || scale[1] != 0.0) { return; }
  let chunk = chunks[params.first + index];
  let rate = hyper[chunk.w].x;
  let decay = hyper[chunk.w].y;
  let step = rate / correction[1];
  let root = sqrt(correction[2]);
  // 1 - 0.999 in f32 is off by 1e-5, which every update would inherit; from the logarithm it is exact.
  let fresh1 = one_minus_exp(params.log_beta1);
  let fresh2 = one_minus_exp(params.log_beta2);
  let factor = scale[0];
  let run = run_of(lane, (chunk.z + 3u) / 4u);
  for (var i = run.first; i < run.end; i += 8u) {
    let keep = inside(i, chunk.z);
    let p = parameter[chunk.x + i];
    var g = gradient[chunk.y + i] * factor;
    var decayed = p;
    if (DECOUPLED) { decayed = p * (1.0 - rate * decay); } else { g += decay * p; }
    let m = params.beta1 * first_moment[chunk.y + i] + fresh1 * g;
    let v = params.beta2 * second_moment[chunk.y + i] + fresh2 * g * g;
    parameter[chunk.x + i] = select(p, decayed - step * m / (sqrt(v) / root + params.eps), keep);
    first_moment[chunk.y + i] = select(vec4f(0.0), m, keep);
    second_moment[chunk.y + i] = select(vec4f(0.0), v, keep);
  }
}

@compute @workgroup_size(WORKGROUP)
fn sgd(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let index = group.y * groups.x + group.x;
  if (index >= params.count || scale[1] != 0.0) { return; }
  let chunk = chunks[params.first + index];
  let rate = hyper[chunk.w].x;
  let decay = hyper[chunk.w].y;
  let factor = scale[0];
  let run = run_of(lane, (chunk.z + 3u) / 4u);
  for (var i = run.first; i < run.end; i += 8u) {
    let keep = inside(i, chunk.z);
    let p = parameter[chunk.x + i];
    let g = gradient[chunk.y + i] * factor + decay * p;
    let m = params.beta1 * first_moment[chunk.y + i] + g;
    let direction = select(m, g + params.beta1 * m, NESTEROV);
    parameter[chunk.x + i] = select(p, p - rate * direction, keep);
    first_moment[chunk.y + i] = select(vec4f(0.0), m, keep);
  }
}

@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn norm_chunk(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.y * groups.x * WORKGROUP + id.x;
  let number = index / 8u;
  if (number >= params.count) { return; }
  let chunk = chunks[params.first + number];
  var sum = vec4f(0.0);
  let size = (chunk.z + 3u) / 4u;
  for (var i = index % 8u; i < size; i += 8u) {
    let g = select(vec4f(0.0), gradient[chunk.y + i], inside(i, chunk.z));
    sum += g * g;
  }
  partial[8u * params.first + index] = (sum.x + sum.y) + (sum.z + sum.w);
}

@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> merged: array<f32>;

const STRIPES = 512u;

@compute @workgroup_size(64)
fn norm_merge(@builtin(global_invocation_id) id: vec3u) {
  var sum = 0.0;
  for (var i = id.x; i < 8u * params.count; i += STRIPES) { sum += partials[i]; }
  merged[id.x] = sum;
}

@group(0) @binding(1) var<storage, read> stripes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;
@group(0) @binding(3) var<storage, read_write> clip: array<f32>;

@compute @workgroup_size(1)
fn norm_scale() {
  var sums = vec4f();
  for (var i = 0u; i < STRIPES / 4u; i++) { sums += stripes[i]; }
  let length = sqrt((sums.x + sums.y) + (sums.z + sums.w));
  norm[0] = length;
  clip[0] = min(1.0, params.max_norm / (length + 1e-6));
}
