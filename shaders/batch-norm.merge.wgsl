// batch-norm.merge: what `merge` and `merge_gradients` of batch-norm.wgsl do, for GPUs: there the stripes are thousands, and one thread that
// walked them all would wait for each. A workgroup has COLUMNS columns and LANES threads for each of them; a thread adds every LANES-th
// stripe, some loads at a time, and what the threads have is added as a tree. The order is fixed.
//
// merge            reads x, partials,                           writes mean, invstd; updates the running statistics
// merge_gradients  reads partials, mean, spread, weight, bias,  writes dweight, dbias, coefficients
//                  grid: ceil(columns / COLUMNS)

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }

override FROZEN: bool = false;

const COLUMNS = 2u; // .scalar: const COLUMNS = 8u;
const WORKGROUP = 256u;
const LANES = WORKGROUP / COLUMNS;

// As in batch-norm.wgsl.
struct Params { rows: u32, columns: u32, per_thread: u32, stripes: u32, eps: f32, momentum: f32 }

@group(0) @binding(0) var<uniform> params: Params;

/** Two numbers of each stripe: mean and centred squares, or the two sums of a gradient. */
struct Pair { first: lanes, second: lanes }

var<workgroup> kept: array<Pair, WORKGROUP>;

/** The sum of `mine` over the lanes of a column, for each of them. */
fn over_lanes(local: u32, mine: Pair) -> Pair {
  kept[local] = mine;
  for (var apart = WORKGROUP / 2u; apart >= COLUMNS; apart /= 2u) {
    workgroupBarrier();
    if (local < apart) {
      kept[local].first += kept[local + apart].first;
      kept[local].second += kept[local + apart].second;
    }
  }
  workgroupBarrier();
  let sum = kept[local % COLUMNS];
  workgroupBarrier();
  return sum;
}

@group(0) @binding(1) var<storage, read> stripe_statistics: array<lanes>;
@group(0) @binding(7) var<storage, read> first_row: array<stored>;
@group(0) @binding(2) var<storage, read_write> batch_mean: array<lanes>;
@group(0) @binding(3) var<storage, read_write> batch_invstd: array<lanes>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<lanes>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<lanes>;
@group(0) @binding(6) var<storage, read_write> batches: array<f32>;

/** Rows of a stripe, none past the last, which alone may have fewer than the others. */
fn rows_of(stripe: u32) -> f32 {
  let last = params.stripes - 1u;
  return f32(select(select(params.per_thread, params.rows - last * params.per_thread, stripe == last), 0u, stripe > last));
}

/** Of one number of a stripe and the column, past the last stripe of that. */
fn at(stripe: u32, number: u32, column: u32) -> u32 {
  return (2u * min(stripe, params.stripes - 1u) + number) * params.columns + column;
}

@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let wanted = group.x * COLUMNS + local % COLUMNS;
  let column = min(wanted, params.columns - 1u);
  let lane = local / COLUMNS;
  let n = f32(params.rows);
  var mine = Pair();
  for (var s = lane; s < params.stripes; s += 4u * LANES) {
    let m0 = stripe_statistics[at(s, 0u, column)] * rows_of(s);
    let m1 = stripe_statistics[at(s + LANES, 0u, column)] * rows_of(s + LANES);
    let m2 = stripe_statistics[at(s + 2u * LANES, 0u, column)] * rows_of(s + 2u * LANES);
    let m3 = stripe_statistics[at(s + 3u * LANES, 0u, column)] * rows_of(s + 3u * LANES);
    mine.first += (m0 + m1) + (m2 + m3);
  }
  let centre = over_lanes(local, mine).first / n;
  mine = Pair();
  for (var s = lane; s < params.stripes; s += 2u * LANES) {
    let d0 = stripe_statistics[at(s, 0u, column)] - centre;
    let q0 = stripe_statistics[at(s, 1u, column)];
    let d1 = stripe_statistics[at(s + LANES, 0u, column)] - centre;
    let q1 = select(lanes(0.0), stripe_statistics[at(s + LANES, 1u, column)], s + LANES < params.stripes);
    mine.second += (q0 + d0 * d0 * rows_of(s)) + (q1 + d1 * d1 * rows_of(s + LANES));
  }
  let squares = over_lanes(local, mine).second;
  if (lane > 0u || wanted >= params.columns) { return; }
  let mean = wide(first_row[column]) + centre;
  batch_mean[column] = mean;
  batch_invstd[column] = lanes(1.0) / sqrt(squares / n + lanes(params.eps));
  running_mean[column] += params.momentum * (mean - running_mean[column]);
  running_variance[column] += params.momentum * (squares / (n - 1.0) - running_variance[column]);
  if (column == 0u) { batches[0] += 1.0; }
}

@group(0) @binding(1) var<storage, read> stripe_sums: array<lanes>;
@group(0) @binding(2) var<storage, read> channel_mean: array<lanes>;
@group(0) @binding(3) var<storage, read> channel_spread: array<lanes>;
@group(0) @binding(4) var<storage, read> channel_weight: array<lanes>;
@group(0) @binding(5) var<storage, read> channel_bias: array<lanes>;
@group(0) @binding(6) var<storage, read_write> dweight: array<lanes>;
@group(0) @binding(7) var<storage, read_write> dbias: array<lanes>;
@group(0) @binding(8) var<storage, read_write> coefficients: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn merge_gradients(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let columns = params.columns;
  let wanted = group.x * COLUMNS + local % COLUMNS;
  let column = min(wanted, columns - 1u);
  var mine = Pair();
  for (var s = local / COLUMNS; s < params.stripes; s += 2u * LANES) {
    let live = s + LANES < params.stripes;
    let more = Pair(stripe_sums[at(s + LANES, 0u, column)], stripe_sums[at(s + LANES, 1u, column)]);
    mine.first += stripe_sums[at(s, 0u, column)] + select(lanes(0.0), more.first, live);
    mine.second += stripe_sums[at(s, 1u, column)] + select(lanes(0.0), more.second, live);
  }
  let total = over_lanes(local, mine);
  if (local >= COLUMNS || wanted >= columns) { return; }
  let spread = channel_spread[column];
  let invstd = select(spread, lanes(1.0) / sqrt(spread + lanes(params.eps)), FROZEN);
  dbias[column] = total.first;
  dweight[column] = total.second * invstd;
  // as in batch-norm.wgsl
  let a = channel_weight[column] * invstd;
  let n = f32(params.rows);
  coefficients[column] = channel_mean[column];
  coefficients[columns + column] = a;
  coefficients[2u * columns + column] = select(-a * invstd * invstd * total.second / n, lanes(0.0), FROZEN);
  coefficients[3u * columns + column] = select(-a * total.first / n, lanes(0.0), FROZEN);
  coefficients[4u * columns + column] = channel_bias[column];
}
