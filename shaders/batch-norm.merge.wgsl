// batch-norm.merge: what `merge` and `merge_gradients` of batch-norm.wgsl do, for GPUs: there the stripes are thousands, and one thread that
// walked them all would wait for each. A workgroup has CHANNELS channels and LANES threads for each of them; a thread adds every LANES-th
// stripe, four loads at a time, and what the threads have is added as a tree. The order is fixed.
//
// merge            reads x, partials,                           writes mean, invstd; updates the running statistics
// merge_gradients  reads partials, mean, spread, weight, bias,  writes dweight, dbias, coefficients
//                  grid: ceil(channels / CHANNELS)

// .half: enable f16;

alias stored = f32; // .half: vec2u // .packed: vec2u

override FROZEN: bool = false;

const CHANNELS = 4u;
const LANES = 64u;
const WORKGROUP = CHANNELS * LANES;

// As in batch-norm.wgsl.
struct Params { rows: u32, columns: u32, channels: u32, per_thread: u32, stripes: u32, eps: f32, momentum: f32 }

@group(0) @binding(0) var<uniform> params: Params;

var<workgroup> kept: array<vec2f, WORKGROUP>;

/** The sum of `mine` over the lanes of a channel, for each of them. */
fn over_lanes(local: u32, mine: vec2f) -> vec2f {
  kept[local] = mine;
  for (var apart = WORKGROUP / 2u; apart >= CHANNELS; apart /= 2u) {
    workgroupBarrier();
    if (local < apart) { kept[local] += kept[local + apart]; }
  }
  workgroupBarrier();
  let sum = kept[local % CHANNELS];
  workgroupBarrier();
  return sum;
}

@group(0) @binding(1) var<storage, read> stripe_statistics: array<f32>;
@group(0) @binding(7) var<storage, read> first_row: array<stored>;
@group(0) @binding(2) var<storage, read_write> batch_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> batch_invstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> batches: array<f32>;

fn origin_of(channel: u32) -> f32 {
  return first_row[channel]; // .half: return vec4f(bitcast<vec4<f16>>(first_row[channel / 4u]))[channel % 4u];
  // .packed: let four = first_row[channel / 4u]; return vec4f(unpack2x16float(four.x), unpack2x16float(four.y))[channel % 4u];
}

/** Rows of a stripe, none past the last, which alone may have fewer than the others. */
fn rows_of(stripe: u32) -> f32 {
  let last = params.stripes - 1u;
  return f32(select(select(params.per_thread, params.rows - last * params.per_thread, stripe == last), 0u, stripe > last));
}

/** Of one number of a stripe and the channel, past the last stripe of that. */
fn at(stripe: u32, number: u32, channel: u32) -> u32 {
  return (2u * min(stripe, params.stripes - 1u) + number) * params.channels + channel;
}

@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let channel = min(group.x * CHANNELS + local % CHANNELS, params.channels - 1u);
  let lane = local / CHANNELS;
  let n = f32(params.rows);
  var sum = 0.0;
  for (var s = lane; s < params.stripes; s += 4u * LANES) {
    let m0 = stripe_statistics[at(s, 0u, channel)] * rows_of(s);
    let m1 = stripe_statistics[at(s + LANES, 0u, channel)] * rows_of(s + LANES);
    let m2 = stripe_statistics[at(s + 2u * LANES, 0u, channel)] * rows_of(s + 2u * LANES);
    let m3 = stripe_statistics[at(s + 3u * LANES, 0u, channel)] * rows_of(s + 3u * LANES);
    sum += (m0 + m1) + (m2 + m3);
  }
  let centre = over_lanes(local, vec2f(sum, 0.0)).x / n;
  var squares = 0.0;
  for (var s = lane; s < params.stripes; s += 2u * LANES) {
    let d0 = stripe_statistics[at(s, 0u, channel)] - centre;
    let q0 = stripe_statistics[at(s, 1u, channel)];
    let d1 = stripe_statistics[at(s + LANES, 0u, channel)] - centre;
    let q1 = select(0.0, stripe_statistics[at(s + LANES, 1u, channel)], s + LANES < params.stripes);
    squares += (q0 + d0 * d0 * rows_of(s)) + (q1 + d1 * d1 * rows_of(s + LANES));
  }
  squares = over_lanes(local, vec2f(squares, 0.0)).x;
  if (lane > 0u || group.x * CHANNELS + local >= params.channels) { return; }
  let mean = origin_of(channel) + centre;
  batch_mean[channel] = mean;
  batch_invstd[channel] = 1.0 / sqrt(squares / n + params.eps);
  running_mean[channel] += params.momentum * (mean - running_mean[channel]);
  running_variance[channel] += params.momentum * (squares / (n - 1.0) - running_variance[channel]);
  if (channel == 0u) { batches[0] += 1.0; }
}

@group(0) @binding(1) var<storage, read> stripe_sums: array<f32>;
@group(0) @binding(2) var<storage, read> channel_mean: array<f32>;
@group(0) @binding(3) var<storage, read> channel_spread: array<f32>;
@group(0) @binding(4) var<storage, read> channel_weight: array<f32>;
@group(0) @binding(5) var<storage, read> channel_bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(7) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(8) var<storage, read_write> coefficients: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn merge_gradients(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let channels = params.channels;
  let channel = min(group.x * CHANNELS + local % CHANNELS, channels - 1u);
  let lane = local / CHANNELS;
  var mine = vec2f();
  for (var s = lane; s < params.stripes; s += 2u * LANES) {
    let here = vec2f(stripe_sums[at(s, 0u, channel)], stripe_sums[at(s, 1u, channel)]);
    let there = vec2f(stripe_sums[at(s + LANES, 0u, channel)], stripe_sums[at(s + LANES, 1u, channel)]);
    mine += here + select(vec2f(), there, s + LANES < params.stripes);
  }
  let total = over_lanes(local, mine);
  if (lane > 0u || group.x * CHANNELS + local >= channels) { return; }
  let spread = channel_spread[channel];
  let invstd = select(spread, 1.0 / sqrt(spread + params.eps), FROZEN);
  dbias[channel] = total.x;
  dweight[channel] = total.y * invstd;
  // as in batch-norm.wgsl
  let a = channel_weight[channel] * invstd;
  let n = f32(params.rows);
  coefficients[channel] = channel_mean[channel];
  coefficients[channels + channel] = a;
  coefficients[2u * channels + channel] = select(-a * invstd * invstd * total.y / n, 0.0, FROZEN);
  coefficients[3u * channels + channel] = select(-a * total.x / n, 0.0, FROZEN);
  coefficients[4u * channels + channel] = channel_bias[channel];
}
