// batch-norm.whole: the sums of batch-norm.wgsl and batch-norm.two-gradients.wgsl together with what they are merged into, in one dispatch, for
// GPUs and for images whose channels are many and whose rows few: a workgroup has COLUMNS columns of four channels, all rows of them,
// and LANES threads for each column, which take every LANES-th row and add up what they have as a tree. The order is fixed.
//
// statistics           reads x,                                            writes mean, invstd; updates the running statistics
// gradients            reads x, dy, mean, invstd, weight, bias,            writes dweight, dbias, coefficients
// gradients_residual   reads x, out, dy, mean, invstd, weight, bias,       writes the same
// gradients_two_ways   reads x, out, dy, more, mean, invstd, weight, bias, writes the same and total = dy + more
//                      grid: ceil(columns / COLUMNS)
//
// Training alone: mean and invstd are the batch's. Formulas, coefficients and all_bits as in the two other shaders.

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

// v > 0, in the f16 twins by the bits, as batch-norm.wgsl says.
fn above_zero(v: vec4f) -> vec4<bool> { return v > vec4f(); } // .half: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }
// .packed: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }

override WORKGROUP: u32 = 256;   // COLUMNS LANES, a power of two
override RELU: bool = false;

// a row of these is 32 bytes
const COLUMNS = 2u; // .half: const COLUMNS = 4u; // .packed: const COLUMNS = 4u;

struct Params { rows: u32, columns: u32, eps: f32, momentum: f32, all_bits: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;

/** Two numbers a channel: mean and centred squares, or the two sums of a gradient. */
struct Pair { first: vec4f, second: vec4f }

var<workgroup> kept: array<Pair, WORKGROUP / 2u>;

/** A thread's column, the first row's place in x that it takes, from one to the next, and how many. */
struct Part { column: u32, at: u32, step: u32, rows: u32, writes: bool }

fn part_of(group: u32, local: u32) -> Part {
  let lanes = WORKGROUP / COLUMNS;
  let lane = local / COLUMNS;
  let wanted = group * COLUMNS + local % COLUMNS;
  let column = min(wanted, params.columns - 1u);
  return Part(column, lane * params.columns + column, lanes * params.columns, (params.rows + lanes - 1u - lane) / lanes, lane == 0u && wanted < params.columns);
}

// --- statistics -----------------------------------------------------------------------------------------------------

@group(0) @binding(2) var<storage, read_write> batch_mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> batch_invstd: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> batches: array<f32>;

/** Rows that lane `lane` of so many stands for: every such one. */
fn rows_of(lane: u32, lanes: u32) -> f32 { return f32((max(params.rows, lane) - lane + lanes - 1u) / lanes); }

@compute @workgroup_size(WORKGROUP)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = part_of(group.x, local);
  let step = part.step;
  let origin = wide(x[part.column]);
  var i = part.at;
  var n = 0.0;
  var mine = Pair();
  for (var quads = part.rows / 4u; quads > 0u; quads -= 1u) {
    let x0 = wide(x[i]) - origin;
    let x1 = wide(x[i + step]) - origin;
    let x2 = wide(x[i + 2u * step]) - origin;
    let x3 = wide(x[i + 3u * step]) - origin;
    i += 4u * step;
    let centre = ((x0 + x1) + (x2 + x3)) * 0.25;
    let d0 = x0 - centre;
    let d1 = x1 - centre;
    let d2 = x2 - centre;
    let d3 = x3 - centre;
    let delta = centre - mine.first;
    let share = 4.0 / (n + 4.0);
    mine.first += delta * share;
    mine.second += ((d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)) + delta * delta * (n * share);
    n += 4.0;
  }
  for (var rest = part.rows % 4u; rest > 0u; rest -= 1u) {
    n += 1.0;
    let value = wide(x[i]) - origin;
    let delta = value - mine.first;
    mine.first += delta / n;
    mine.second += delta * (value - mine.first);
    i += step;
  }
  for (var apart = WORKGROUP / 2u; apart >= COLUMNS; apart /= 2u) {
    if (local >= apart && local < 2u * apart) { kept[local - apart] = mine; }
    workgroupBarrier();
    if (local < apart) {
      let other = kept[local];
      let lane = local / COLUMNS;
      let others = rows_of(lane + apart / COLUMNS, 2u * apart / COLUMNS);
      let delta = other.first - mine.first;
      let share = select(0.0, others / rows_of(lane, apart / COLUMNS), others > 0.0);
      mine.second += other.second + delta * delta * (rows_of(lane, 2u * apart / COLUMNS) * share);
      mine.first += delta * share;
    }
    workgroupBarrier();
  }
  if (!part.writes) { return; }
  let count = f32(params.rows);
  let mean = origin + mine.first;
  batch_mean[part.column] = mean;
  batch_invstd[part.column] = vec4f(1.0) / sqrt(mine.second / count + vec4f(params.eps));
  running_mean[part.column] += params.momentum * (mean - running_mean[part.column]);
  running_variance[part.column] += params.momentum * (mine.second / (count - 1.0) - running_variance[part.column]);
  if (part.column == 0u) { batches[0] += 1.0; }
}

// --- gradients ------------------------------------------------------------------------------------------------------

@group(0) @binding(2) var<storage, read> dy: array<stored>;
@group(0) @binding(3) var<storage, read> mean_in: array<vec4f>;
@group(0) @binding(4) var<storage, read> invstd_in: array<vec4f>;
@group(0) @binding(5) var<storage, read> weight: array<vec4f>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dbias: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> coefficients: array<vec4f>;
@group(0) @binding(10) var<storage, read> out: array<stored>;
@group(0) @binding(11) var<storage, read> more: array<stored>;
@group(0) @binding(12) var<storage, read_write> total: array<stored>;

/** Adds up the lanes of a column and writes what they make of it. */
fn merge(local: u32, part: Part, sums: Pair) {
  var mine = sums;
  for (var apart = WORKGROUP / 2u; apart >= COLUMNS; apart /= 2u) {
    if (local >= apart && local < 2u * apart) { kept[local - apart] = mine; }
    workgroupBarrier();
    if (local < apart) {
      mine.first += kept[local].first;
      mine.second += kept[local].second;
    }
    workgroupBarrier();
  }
  if (!part.writes) { return; }
  let column = part.column;
  let columns = params.columns;
  let n = f32(params.rows);
  let invstd = invstd_in[column];
  let a = weight[column] * invstd;
  dbias[column] = mine.first;
  dweight[column] = mine.second * invstd;
  coefficients[column] = mean_in[column];
  coefficients[columns + column] = a;
  coefficients[2u * columns + column] = -a * invstd * invstd * mine.second / n;
  coefficients[3u * columns + column] = -a * mine.first / n;
  coefficients[4u * columns + column] = bias[column];
}

fn pair_of(g: vec4f, centred: vec4f) -> Pair { return Pair(g, g * centred); }
fn added(a: Pair, b: Pair) -> Pair { return Pair(a.first + b.first, a.second + b.second); }

fn gradient_of(i: u32, mean: vec4f, scale: vec4f, offset: vec4f, relu: bool) -> Pair {
  let centred = wide(x[i]) - mean;
  var g = wide(dy[i]);
  if (relu) { g = select(vec4f(), g, centred * scale + offset > vec4f()); }
  return pair_of(g, centred);
}

@compute @workgroup_size(WORKGROUP)
fn gradients(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = part_of(group.x, local);
  let mean = mean_in[part.column];
  let scale = weight[part.column] * invstd_in[part.column];
  let offset = bias[part.column];
  var i = part.at;
  var sums = Pair();
  for (var twos = part.rows / 2u; twos > 0u; twos -= 1u) {
    sums = added(sums, added(gradient_of(i, mean, scale, offset, RELU), gradient_of(i + part.step, mean, scale, offset, RELU)));
    i += 2u * part.step;
  }
  if (part.rows % 2u == 1u) { sums = added(sums, gradient_of(i, mean, scale, offset, RELU)); }
  merge(local, part, sums);
}

fn residual_gradient_of(i: u32, mean: vec4f) -> Pair {
  return pair_of(select(vec4f(), wide(dy[i]), above_zero(wide(out[i]))), wide(x[i]) - mean);
}

@compute @workgroup_size(WORKGROUP)
fn gradients_residual(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = part_of(group.x, local);
  let mean = mean_in[part.column];
  var i = part.at;
  var sums = Pair();
  for (var twos = part.rows / 2u; twos > 0u; twos -= 1u) {
    sums = added(sums, added(residual_gradient_of(i, mean), residual_gradient_of(i + part.step, mean)));
    i += 2u * part.step;
  }
  if (part.rows % 2u == 1u) { sums = added(sums, residual_gradient_of(i, mean)); }
  merge(local, part, sums);
}

fn both_of(i: u32) -> stored {
  return narrow(wide(dy[i]) + wide(more[i])); // .half: return narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
  // .packed: return narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
}

@compute @workgroup_size(WORKGROUP)
fn gradients_two_ways(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = part_of(group.x, local);
  let mean = mean_in[part.column];
  var i = part.at;
  var sums = Pair();
  for (var n = part.rows; n > 0u; n -= 1u) {
    let both = both_of(i);
    let g = select(vec4f(), wide(both), above_zero(wide(out[i])));
    sums = added(sums, pair_of(g, wide(x[i]) - mean));
    if (group.x * COLUMNS + local % COLUMNS < params.columns) { total[i] = both; }
    i += part.step;
  }
  merge(local, part, sums);
}
