// groupNorm, layerNorm, instanceNorm: y = (x - mean) / sqrt(variance + eps) * weight + bias, with one mean and variance for each
// image and group of channels, together a cell. Definitions: https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html,
// LayerNorm.html and InstanceNorm2d.html
//
// x is [images, pixels, groups, depth]; a group's statistics cover pixels and depth; weight and bias are [groups, depth]. Layer
// norm has one pixel and one group, instance norm a depth of one.
//
// statistics        reads x,                                    writes partials[stripes, images, groups, 2]: mean, centred squares
// merge             reads x, partials,                          writes moments[images, groups, 2]: mean and 1 / sqrt(variance + eps)
// normalise         reads x, moments, weight, bias,             writes y
// gradient_sums     reads x, dy, moments, weight,               writes partials: sums of weight dy and of weight dy xhat
// backward_x        reads x, dy, moments, weight, sums,         writes dx
// backward_weight   reads x, dy, moments,                       writes dweight, dbias[stripes, groups, depth], to be added up
//
// As in batch-norm.wgsl, means are measured from the group's first value and merged by Chan, Golub and LeVeque (1983).
// Without AFFINE weight is 1 and bias 0; any buffer may be bound for them.

override WORKGROUP: u32 = 64;
override AFFINE: bool = true;

// n: threads; a thread of the sums takes per_thread values of a group (rows of x, for backward_weight).
struct Params { n: u32, images: u32, pixels: u32, groups: u32, depth: u32, stripes: u32, per_thread: u32, eps: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

// A thread's stretch of one group: where it begins, how many values, and how to step.
struct Stretch { at: u32, count: u32, inner: u32, channel: u32 }

fn stretch_of(i: u32) -> Stretch {
  let sets = params.images * params.groups;
  let stripe = i / sets;
  let image = (i - stripe * sets) / params.groups;
  let channel = (i % params.groups) * params.depth;
  let from_value = stripe * params.per_thread;
  let pixel = from_value / params.depth;
  let inner = from_value - pixel * params.depth;
  let at = (image * params.pixels + pixel) * params.groups * params.depth + channel + inner;
  return Stretch(at, min(params.per_thread, params.pixels * params.depth - from_value), inner, channel);
}

fn first_of(cell: u32) -> u32 {
  let image = cell / params.groups;
  return (image * params.pixels * params.groups + cell - image * params.groups) * params.depth;
}

@compute @workgroup_size(WORKGROUP)
fn statistics(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let stretch = stretch_of(i);
  let origin = x[first_of(i % (params.images * params.groups))];
  var at = stretch.at;
  var inner = stretch.inner;
  var mean = 0.0;
  var squares = 0.0;
  for (var k = 0u; k < stretch.count; k++) {
    let value = x[at] - origin;
    let delta = value - mean;
    mean += delta / f32(k + 1u);
    squares += delta * (value - mean);
    at += 1u;
    inner += 1u;
    if (inner == params.depth) {
      inner = 0u;
      at += (params.groups - 1u) * params.depth;
    }
  }
  partials[2u * i] = mean;
  partials[2u * i + 1u] = squares;
}

@group(0) @binding(2) var<storage, read> stripe_moments: array<f32>;
@group(0) @binding(3) var<storage, read_write> moments_out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn merge(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let cell = id.y * groups.x * WORKGROUP + id.x;
  if (cell >= params.n) { return; }
  let last = params.stripes - 1u;
  let full = f32(params.per_thread);
  let total = f32(params.pixels * params.depth);
  let rest = total - f32(last) * full;
  var sum = 0.0;
  for (var s = 0u; s <= last; s++) { sum += stripe_moments[2u * (s * params.n + cell)] * select(full, rest, s == last); }
  let centre = sum / total;
  var squares = 0.0;
  for (var s = 0u; s <= last; s++) {
    let at = 2u * (s * params.n + cell);
    let delta = stripe_moments[at] - centre;
    squares += stripe_moments[at + 1u] + delta * delta * select(full, rest, s == last);
  }
  moments_out[2u * cell] = x[first_of(cell)] + centre;
  moments_out[2u * cell + 1u] = 1.0 / sqrt(squares / total + params.eps);
}

@group(0) @binding(3) var<storage, read> moments: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

// The cell whose statistics an element shares, and its channel.
struct Home { cell: u32, channel: u32 }

fn home_of(i: u32) -> Home {
  let channels = params.groups * params.depth;
  let row = i / channels;
  let channel = i - row * channels;
  return Home(row / params.pixels * params.groups + channel / params.depth, channel);
}

@compute @workgroup_size(WORKGROUP)
fn normalise(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let home = home_of(i);
  let normal = (x[i] - moments[2u * home.cell]) * moments[2u * home.cell + 1u];
  if (AFFINE) { y[i] = normal * weight[home.channel] + bias[home.channel]; } else { y[i] = normal; }
}

@group(0) @binding(6) var<storage, read> dy: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let stretch = stretch_of(i);
  let cell = i % (params.images * params.groups);
  let mean = moments[2u * cell];
  let invstd = moments[2u * cell + 1u];
  var at = stretch.at;
  var inner = stretch.inner;
  var sum = 0.0;
  var product = 0.0;
  for (var k = 0u; k < stretch.count; k++) {
    var g = dy[at];
    if (AFFINE) { g *= weight[stretch.channel + inner]; }
    sum += g;
    product += g * (x[at] - mean);
    at += 1u;
    inner += 1u;
    if (inner == params.depth) {
      inner = 0u;
      at += (params.groups - 1u) * params.depth;
    }
  }
  partials[2u * i] = sum;
  partials[2u * i + 1u] = product * invstd;
}

@group(0) @binding(2) var<storage, read> sums: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let home = home_of(i);
  let invstd = moments[2u * home.cell + 1u];
  let normal = (x[i] - moments[2u * home.cell]) * invstd;
  var g = dy[i];
  if (AFFINE) { g *= weight[home.channel]; }
  dx[i] = invstd * (g - (sums[2u * home.cell] + normal * sums[2u * home.cell + 1u]) / f32(params.pixels * params.depth));
}

@group(0) @binding(7) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(8) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let channels = params.groups * params.depth;
  let stripe = i / channels;
  let channel = i - stripe * channels;
  let group = channel / params.depth;
  let first = stripe * params.per_thread;
  let end = min(first + params.per_thread, params.images * params.pixels);
  var sum = 0.0;
  var product = 0.0;
  for (var row = first; row < end; row++) {
    let cell = row / params.pixels * params.groups + group;
    let at = row * channels + channel;
    sum += dy[at];
    product += dy[at] * (x[at] - moments[2u * cell]) * moments[2u * cell + 1u];
  }
  dweight[i] = product;
  dbias[i] = sum;
}
