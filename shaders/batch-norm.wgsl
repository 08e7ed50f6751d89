// batchNorm: y = (x - mean) / sqrt(variance + eps) * weight + bias for each channel, the last axis, then optionally
// + residual and ReLU. Definition: https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
//
// An image is `rows` rows (batch, height, width) of `columns` columns; a column is four neighbouring channels, or one in the
// scalar twin. A thread owns one column of a stripe of `per_thread` rows, so that neighbouring lanes read neighbouring channels.
//
// statistics         reads x,                                        writes partials: mean and centred sum of squares of each stripe
// merge              reads x, partials,                              writes mean, invstd; updates the running statistics
// normalise          reads x, mean, spread, weight, bias,            writes y
// normalise_residual the same and residual                           writes y = relu(... + residual)
// gradient_sums      reads x, dy, mean, spread, weight, bias,        writes partials: sums of dy and of dy * (x - mean)
// gradient_sums_residual  reads x, out, dy, mean                     writes the same
// merge_gradients    reads partials, mean, spread, weight, bias,     writes dweight, dbias, coefficients
// coefficients_only  reads mean, spread, weight, bias,               writes coefficients
// backward_x         reads x, dy, coefficients,                      writes dx = a dy + b (x - mean) + c
// backward_x_residual  reads x, out, dy, coefficients,               writes dx, dresidual
//
// Variances never come from E[x^2] - E[x]^2: all is measured from the first row, so that a large mean costs no digits; a thread
// centres four rows at a time about their own mean and merges by Chan, Golub and LeVeque (1983); `merge` centres the stripes
// about the mean of all.
// The ReLU mask is recomputed, from x where there is no residual, else from the result. `coefficients` holds for each channel
// mean, a, b, c, bias (the last for that mask). FROZEN is evaluation: mean and spread are the running mean and variance, and no
// gradient flows through them; otherwise spread is 1 / sqrt(variance + eps).

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias mask = vec4<bool>; // .scalar: bool
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

// v > 0. The f16 twins look at the bits, which run from 1 to those of infinity: LLVM would compare f16 with f16, one lane at a time.
fn above_zero(v: lanes) -> mask { return v > lanes(0.0); } // .half: fn above_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }
// .packed: fn above_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }

override WORKGROUP: u32 = 64;
override RELU: bool = false;
override FROZEN: bool = false;

// ReLU that lets a NaN through, as PyTorch's does: max(NaN, 0) would hide it.
fn rectified(v: lanes) -> lanes {
  return select(v, lanes(0.0), v < lanes(0.0));
}

// rows of the image and columns; rows per thread and stripes of rows; eps and momentum.
struct Params { rows: u32, columns: u32, per_thread: u32, stripes: u32, eps: f32, momentum: f32 }

@group(0) @binding(0) var<uniform> params: Params;

fn flat(id: vec3u, groups: vec3u) -> u32 { return id.y * groups.x * WORKGROUP + id.x; }

// What a thread has: its column, where in x it begins, how many rows (none past the end), where its partial result goes.
struct Stripe { column: u32, at: u32, rows: u32, partial: u32 }

fn stripe_of(thread: u32) -> Stripe {
  let index = thread / params.columns;
  if (index >= params.stripes) { return Stripe(); }
  let column = thread - index * params.columns;
  let first = index * params.per_thread;
  return Stripe(column, first * params.columns + column, min(params.per_thread, params.rows - first), 2u * index * params.columns + column);
}

// --- forward --------------------------------------------------------------------------------------------------------

@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read_write> partials: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn statistics(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  var i = stripe.at;
  let origin = wide(x[column]);
  var n = 0.0;
  var mean = lanes(0.0);
  var squares = lanes(0.0);
  for (var quads = stripe.rows / 4u; quads > 0u; quads -= 1u) {
    let x0 = wide(x[i]) - origin;
    let x1 = wide(x[i + columns]) - origin;
    let x2 = wide(x[i + 2u * columns]) - origin;
    let x3 = wide(x[i + 3u * columns]) - origin;
    i += 4u * columns;
    let centre = ((x0 + x1) + (x2 + x3)) * 0.25;
    let d0 = x0 - centre;
    let d1 = x1 - centre;
    let d2 = x2 - centre;
    let d3 = x3 - centre;
    let delta = centre - mean;
    let share = 4.0 / (n + 4.0);
    mean += delta * share;
    squares += ((d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)) + delta * delta * (n * share);
    n += 4.0;
  }
  for (var rest = stripe.rows % 4u; rest > 0u; rest -= 1u) {
    n += 1.0;
    let value = wide(x[i]) - origin;
    let delta = value - mean;
    mean += delta / n;
    squares += delta * (value - mean);
    i += columns;
  }
  let at = stripe.partial;
  partials[at] = mean;
  partials[at + columns] = squares;
}

@group(0) @binding(1) var<storage, read> stripe_statistics: array<lanes>;
@group(0) @binding(7) var<storage, read> first_row: array<stored>;
@group(0) @binding(2) var<storage, read_write> batch_mean: array<lanes>;
@group(0) @binding(3) var<storage, read_write> batch_invstd: array<lanes>;
@group(0) @binding(4) var<storage, read_write> running_mean: array<lanes>;
@group(0) @binding(5) var<storage, read_write> running_variance: array<lanes>;
@group(0) @binding(6) var<storage, read_write> batches: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = flat(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  // Only the last stripe may have fewer rows than per_thread.
  let last = params.stripes - 1u;
  let full = f32(params.per_thread);
  let rest = f32(params.rows - last * params.per_thread);
  let n = f32(params.rows);
  var sum = lanes(0.0);
  for (var s = 0u; s < last; s++) { sum += stripe_statistics[2u * s * columns + column]; }
  let centre = (sum * full + stripe_statistics[2u * last * columns + column] * rest) / n;
  var squares = lanes(0.0);
  for (var s = 0u; s <= last; s++) {
    let at = 2u * s * columns + column;
    let delta = stripe_statistics[at] - centre;
    squares += stripe_statistics[at + columns] + delta * delta * select(full, rest, s == last);
  }
  let mean = wide(first_row[column]) + centre;
  batch_mean[column] = mean;
  batch_invstd[column] = lanes(1.0) / sqrt(squares / n + lanes(params.eps));
  running_mean[column] += params.momentum * (mean - running_mean[column]);
  running_variance[column] += params.momentum * (squares / (n - 1.0) - running_variance[column]);
  if (column == 0u) { batches[0] += 1.0; }
}

@group(0) @binding(2) var<storage, read> mean_in: array<lanes>;
@group(0) @binding(3) var<storage, read> spread_in: array<lanes>;
@group(0) @binding(4) var<storage, read> weight: array<lanes>;
@group(0) @binding(5) var<storage, read> bias: array<lanes>;
@group(0) @binding(6) var<storage, read_write> y: array<stored>;

fn invstd_of(spread: lanes, frozen: bool) -> lanes {
  if (frozen) { return lanes(1.0) / sqrt(spread + lanes(params.eps)); }
  return spread;
}

@compute @workgroup_size(WORKGROUP)
fn normalise(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = mean_in[column];
  let scale = weight[column] * invstd_of(spread_in[column], FROZEN);
  let offset = bias[column];
  var i = stripe.at;
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    let value = (wide(x[i]) - mean) * scale + offset;
    y[i] = narrow(select(value, rectified(value), RELU));
    i += columns;
  }
}

@group(0) @binding(7) var<storage, read> residual: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn normalise_residual(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = mean_in[column];
  let scale = weight[column] * invstd_of(spread_in[column], FROZEN);
  let offset = bias[column];
  var i = stripe.at;
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    y[i] = narrow(rectified((wide(x[i]) - mean) * scale + offset + wide(residual[i])));
    i += columns;
  }
}

// --- backward -------------------------------------------------------------------------------------------------------

@group(0) @binding(6) var<storage, read> dy: array<stored>;
@group(0) @binding(7) var<storage, read_write> sums: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = mean_in[column];
  let scale = weight[column] * invstd_of(spread_in[column], FROZEN);
  let offset = bias[column];
  var i = stripe.at;
  var sum = lanes(0.0);
  var product = lanes(0.0);
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    let centred = wide(x[i]) - mean;
    var g = wide(dy[i]);
    if (RELU) { g = select(lanes(0.0), g, centred * scale + offset > lanes(0.0)); }
    sum += g;
    product += g * centred;
    i += columns;
  }
  let at = stripe.partial;
  sums[at] = sum;
  sums[at + columns] = product;
}

@group(0) @binding(3) var<storage, read> out: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn gradient_sums_residual(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = mean_in[column];
  var i = stripe.at;
  var sum = lanes(0.0);
  var product = lanes(0.0);
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    let g = select(lanes(0.0), wide(dy[i]), above_zero(wide(out[i])));
    sum += g;
    product += g * (wide(x[i]) - mean);
    i += columns;
  }
  let at = stripe.partial;
  sums[at] = sum;
  sums[at + columns] = product;
}

@group(0) @binding(1) var<storage, read> stripe_sums: array<lanes>;
@group(0) @binding(2) var<storage, read> channel_mean: array<lanes>;
@group(0) @binding(3) var<storage, read> channel_spread: array<lanes>;
@group(0) @binding(4) var<storage, read> channel_weight: array<lanes>;
@group(0) @binding(5) var<storage, read> channel_bias: array<lanes>;
@group(0) @binding(6) var<storage, read_write> dweight: array<lanes>;
@group(0) @binding(7) var<storage, read_write> dbias: array<lanes>;
@group(0) @binding(8) var<storage, read_write> coefficients: array<lanes>;

fn write_coefficients(column: u32, a: lanes, b: lanes, c: lanes) {
  let columns = params.columns;
  coefficients[column] = channel_mean[column];
  coefficients[columns + column] = a;
  coefficients[2u * columns + column] = b;
  coefficients[3u * columns + column] = c;
  coefficients[4u * columns + column] = channel_bias[column];
}

@compute @workgroup_size(WORKGROUP)
fn merge_gradients(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = flat(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  var sum = lanes(0.0);
  var product = lanes(0.0);
  for (var s = 0u; s < params.stripes; s++) {
    sum += stripe_sums[2u * s * columns + column];
    product += stripe_sums[(2u * s + 1u) * columns + column];
  }
  let invstd = invstd_of(channel_spread[column], FROZEN);
  dbias[column] = sum;
  dweight[column] = product * invstd;
  // dx = invstd * weight * (dy - mean(dy) - xhat * mean(dy * xhat)), with xhat = (x - mean) * invstd
  let a = channel_weight[column] * invstd;
  let n = f32(params.rows);
  write_coefficients(column, a, select(-a * invstd * invstd * product / n, lanes(0.0), FROZEN), select(-a * sum / n, lanes(0.0), FROZEN));
}

@compute @workgroup_size(WORKGROUP)
fn coefficients_only(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = flat(id, groups);
  if (column >= params.columns) { return; }
  write_coefficients(column, channel_weight[column] * invstd_of(channel_spread[column], true), lanes(0.0), lanes(0.0));
}

@group(0) @binding(2) var<storage, read> gradient: array<stored>;
@group(0) @binding(4) var<storage, read> coefficients_in: array<lanes>;
@group(0) @binding(5) var<storage, read_write> dx: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = coefficients_in[column];
  let a = coefficients_in[columns + column];
  let b = coefficients_in[2u * columns + column];
  let c = coefficients_in[3u * columns + column];
  let offset = coefficients_in[4u * columns + column];
  var i = stripe.at;
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    let centred = wide(x[i]) - mean;
    var g = wide(gradient[i]);
    if (RELU) { g = select(lanes(0.0), g, centred * a + offset > lanes(0.0)); }
    dx[i] = narrow(a * g + (b * centred + c));
    i += columns;
  }
}

@group(0) @binding(6) var<storage, read_write> dresidual: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward_x_residual(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stripe = stripe_of(flat(id, groups));
  if (stripe.rows == 0u) { return; }
  let columns = params.columns;
  let column = stripe.column;
  let mean = coefficients_in[column];
  let a = coefficients_in[columns + column];
  let b = coefficients_in[2u * columns + column];
  let c = coefficients_in[3u * columns + column];
  var i = stripe.at;
  for (var n = stripe.rows; n > 0u; n -= 1u) {
    let g = select(lanes(0.0), wide(gradient[i]), above_zero(wide(out[i])));
    dx[i] = narrow(a * g + (b * (wide(x[i]) - mean) + c));
    dresidual[i] = narrow(g);
    i += columns;
  }
}
