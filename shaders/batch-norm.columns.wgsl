// batch-norm.columns: batch-norm.wgsl's training in one dispatch each way, for software drivers, where a dispatch costs more than a short walk:
// a thread has a column of four channels, all its rows, and walks them twice, for the sums and for what is made of them.
// No barrier anywhere.
//
// forward            reads x, weight, bias,                         writes y, mean, invstd; updates the running statistics
// forward_residual   reads x, weight, bias, residual,               writes y = relu(... + residual), the rest the same
// backward           reads x, dy, mean, invstd, weight, bias,       writes dx, dweight, dbias
// backward_residual  reads x, out, dy, mean, invstd, weight,        writes dx, dresidual, dweight, dbias
// backward_two_ways  reads x, out, dy, more, mean, invstd, weight,  writes total = dy + more, and the same of total
//
// Formulas, and how variances keep their digits, as in batch-norm.wgsl; all_bits as in batch-norm.two-gradients.wgsl.

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

// v > 0, in the f16 twins by the bits, as batch-norm.wgsl says.
fn above_zero(v: vec4f) -> vec4<bool> { return v > vec4f(); } // .half: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }
// .packed: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }

override WORKGROUP: u32 = 8;
override RELU: bool = false;

// ReLU that lets a NaN through.
fn rectified(v: vec4f) -> vec4f { return select(v, vec4f(), v < vec4f()); }

// rows of the image and columns of four channels; eps and momentum; 32 ones.
struct Params { rows: u32, columns: u32, eps: f32, momentum: f32, all_bits: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;

// Sums are of what blocks of so many rows sum to: shorter sums keep more digits.
const BLOCK = 16u;

fn column_of(id: vec3u, groups: vec3u) -> u32 { return id.y * groups.x * WORKGROUP + id.x; }

// --- forward --------------------------------------------------------------------------------------------------------

@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<stored>;
@group(0) @binding(5) var<storage, read_write> y: array<stored>;
@group(0) @binding(6) var<storage, read_write> batch_mean: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> batch_invstd: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> running_mean: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> running_variance: array<vec4f>;
@group(0) @binding(10) var<storage, read_write> batches: array<f32>;

struct Statistics { mean: vec4f, invstd: vec4f }

/**
 * Walks a column for its mean and deviation, and writes them. Measured from the mean of the first four rows, which the mean of all is at most
 * sqrt(rows / 4) deviations away from: little cancels in squares - rows (mean - origin)^2.
 */
fn statistics(column: u32) -> Statistics {
  let columns = params.columns;
  let n = f32(params.rows);
  var origin = vec4f();
  for (var r = 0u; r < 4u; r++) { origin += wide(x[min(r, params.rows - 1u) * columns + column]); }
  origin *= 0.25;
  var i = column;
  var sum = vec4f();
  var squares = vec4f();
  for (var first = 0u; first < params.rows; first += BLOCK) {
    var block_sum = vec4f();
    var block_squares = vec4f();
    for (var left = min(BLOCK, params.rows - first); left > 0u; left -= 1u) {
      let value = wide(x[i]) - origin;
      block_sum += value;
      block_squares += value * value;
      i += columns;
    }
    sum += block_sum;
    squares += block_squares;
  }
  let centre = sum / n;
  squares = max(squares - sum * centre, vec4f());
  let mean = origin + centre;
  let invstd = vec4f(1.0) / sqrt(squares / n + vec4f(params.eps));
  batch_mean[column] = mean;
  batch_invstd[column] = invstd;
  running_mean[column] += params.momentum * (mean - running_mean[column]);
  running_variance[column] += params.momentum * (squares / (n - 1.0) - running_variance[column]);
  if (column == 0u) { batches[0] += 1.0; }
  return Statistics(mean, invstd);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = column_of(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  let batch = statistics(column);
  let scale = weight[column] * batch.invstd;
  let offset = bias[column];
  var i = column;
  for (var n = params.rows; n > 0u; n -= 1u) {
    let value = (wide(x[i]) - batch.mean) * scale + offset;
    y[i] = narrow(select(value, rectified(value), RELU));
    i += columns;
  }
}

@compute @workgroup_size(WORKGROUP)
fn forward_residual(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = column_of(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  let batch = statistics(column);
  let scale = weight[column] * batch.invstd;
  let offset = bias[column];
  var i = column;
  for (var n = params.rows; n > 0u; n -= 1u) {
    y[i] = narrow(rectified((wide(x[i]) - batch.mean) * scale + offset + wide(residual[i])));
    i += columns;
  }
}

// --- backward -------------------------------------------------------------------------------------------------------

@group(0) @binding(4) var<storage, read> mean_in: array<vec4f>;
@group(0) @binding(5) var<storage, read> invstd_in: array<vec4f>;
@group(0) @binding(6) var<storage, read> dy: array<stored>;
@group(0) @binding(7) var<storage, read_write> dx: array<stored>;
@group(0) @binding(8) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> dbias: array<vec4f>;

/** Of dx = a dy + (b (x - mean) + c). */
struct Coefficients { a: vec4f, b: vec4f, c: vec4f }

/** Writes a column's gradients, from the sums of g and of g (x - mean). */
fn coefficients_of(column: u32, sum: vec4f, product: vec4f) -> Coefficients {
  let invstd = invstd_in[column];
  dbias[column] = sum;
  dweight[column] = product * invstd;
  let a = weight[column] * invstd;
  let n = f32(params.rows);
  return Coefficients(a, -a * invstd * invstd * product / n, -a * sum / n);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = column_of(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  let mean = mean_in[column];
  let scale = weight[column] * invstd_in[column];
  let offset = bias[column];
  var i = column;
  var sum = vec4f();
  var product = vec4f();
  for (var first = 0u; first < params.rows; first += BLOCK) {
    var block_sum = vec4f();
    var block_product = vec4f();
    for (var n = min(BLOCK, params.rows - first); n > 0u; n -= 1u) {
      let centred = wide(x[i]) - mean;
      var g = wide(dy[i]);
      if (RELU) { g = select(vec4f(), g, centred * scale + offset > vec4f()); }
      block_sum += g;
      block_product += g * centred;
      i += columns;
    }
    sum += block_sum;
    product += block_product;
  }
  let its = coefficients_of(column, sum, product);
  i = column;
  for (var n = params.rows; n > 0u; n -= 1u) {
    let centred = wide(x[i]) - mean;
    var g = wide(dy[i]);
    if (RELU) { g = select(vec4f(), g, centred * scale + offset > vec4f()); }
    dx[i] = narrow(its.a * g + (its.b * centred + its.c));
    i += columns;
  }
}

@group(0) @binding(3) var<storage, read> out: array<stored>;
@group(0) @binding(10) var<storage, read_write> dresidual: array<stored>;

/** dx, from what the first walk left in dresidual. */
fn second_walk(column: u32, mean: vec4f, its: Coefficients) {
  var i = column;
  for (var n = params.rows; n > 0u; n -= 1u) {
    dx[i] = narrow(its.a * wide(dresidual[i]) + (its.b * (wide(x[i]) - mean) + its.c));
    i += params.columns;
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_residual(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = column_of(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  let mean = mean_in[column];
  var i = column;
  var sum = vec4f();
  var product = vec4f();
  for (var first = 0u; first < params.rows; first += BLOCK) {
    var block_sum = vec4f();
    var block_product = vec4f();
    for (var n = min(BLOCK, params.rows - first); n > 0u; n -= 1u) {
      let g = select(vec4f(), wide(dy[i]), above_zero(wide(out[i])));
      block_sum += g;
      block_product += g * (wide(x[i]) - mean);
      dresidual[i] = narrow(g);
      i += columns;
    }
    sum += block_sum;
    product += block_product;
  }
  second_walk(column, mean, coefficients_of(column, sum, product));
}

@group(0) @binding(11) var<storage, read> more: array<stored>;
@group(0) @binding(12) var<storage, read_write> total: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward_two_ways(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let column = column_of(id, groups);
  let columns = params.columns;
  if (column >= columns) { return; }
  let mean = mean_in[column];
  var i = column;
  var sum = vec4f();
  var product = vec4f();
  for (var first = 0u; first < params.rows; first += BLOCK) {
    var block_sum = vec4f();
    var block_product = vec4f();
    for (var n = min(BLOCK, params.rows - first); n > 0u; n -= 1u) {
      let both = narrow(wide(dy[i]) + wide(more[i])); // .half: let both = narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
      // .packed: let both = narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
      total[i] = both;
      let g = select(vec4f(), wide(both), above_zero(wide(out[i])));
      block_sum += g;
      block_product += g * (wide(x[i]) - mean);
      dresidual[i] = narrow(g);
      i += columns;
    }
    sum += block_sum;
    product += block_product;
  }
  second_walk(column, mean, coefficients_of(column, sum, product));
}
