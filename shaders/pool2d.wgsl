// maxPool2d, avgPool2d, globalAvgPool: the largest value, or the mean, of each window of an image in NHWC.
// Definitions: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html and AvgPool2d.html
//
// max_forward      reads x[N,H,W,C],     writes y[N,P,Q,C] and places[N,P,Q,C], where in its window (r * S + s) the maximum was
// max_backward     reads dy, places,     writes dx
// mean_forward     reads x,              writes y
// mean_backward    reads dy,             writes dx
// global_forward   reads x,              writes y[N,C]
// global_backward  reads dy[N,C],        writes dx
//
// A thread makes one result of four neighbouring channels, or of one in the scalar twin. Backward gathers: an input asks each
// window it lies in, in a fixed order. The first of equal maxima in window order has the gradient, as in PyTorch. Padding is
// never read: it cannot be the maximum and adds nothing to a mean, but counts in the mean's divisor if COUNT_PADDING.

alias lanes = vec4f; // .scalar: f32
alias indices = vec4u; // .scalar: u32

override WORKGROUP: u32 = 64;
override COUNT_PADDING: bool = true;

// n: results; columns: groups of channels; pairs are (height, width); padding: (top, left).
struct Params { n: u32, columns: u32, input: vec2u, output: vec2u, kernel: vec2u, stride: vec2u, padding: vec2u }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<lanes>;
@group(0) @binding(3) var<storage, read_write> places: array<indices>;

// Where result i lies in an image of this size: (height, width), image, column.
struct Place { at: vec2u, image: u32, column: u32 }

fn place_of(i: u32, size: vec2u) -> Place {
  let pixel = i / params.columns;
  let row = pixel / size.y;
  let image = row / size.x;
  return Place(vec2u(row - image * size.x, pixel - row * size.y), image, i - pixel * params.columns);
}

// The taps of a window that lie in the image: [from, to) on each axis.
struct Taps { origin: vec2i, low: vec2u, high: vec2u }

fn taps_of(window: vec2u) -> Taps {
  let origin = vec2i(window * params.stride) - vec2i(params.padding);
  let low = vec2u(max(-origin, vec2i(0)));
  let high = vec2u(min(vec2i(params.kernel), vec2i(params.input) - origin));
  return Taps(origin, low, high);
}

// The windows that an input lies in: [from, to) on each axis.
struct Windows { low: vec2u, high: vec2u }

fn windows_of(at: vec2u) -> Windows {
  let padded = at + params.padding;
  let least = max(padded + params.stride, params.kernel) - params.kernel;
  return Windows(least / params.stride, min(padded / params.stride + 1u, params.output));
}

@compute @workgroup_size(WORKGROUP)
fn max_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.output);
  let taps = taps_of(place.at);
  let base = place.image * params.input.x;
  let first = vec2u(taps.origin + vec2i(taps.low));
  var best = x[((base + first.x) * params.input.y + first.y) * params.columns + place.column];
  var best_tap = indices(taps.low.x * params.kernel.y + taps.low.y);
  for (var r = taps.low.x; r < taps.high.x; r++) {
    let row = (base + u32(taps.origin.x + i32(r))) * params.input.y;
    for (var s = taps.low.y; s < taps.high.y; s++) {
      let value = x[(row + u32(taps.origin.y + i32(s))) * params.columns + place.column];
      let better = value > best;
      best = select(best, value, better);
      best_tap = select(best_tap, indices(r * params.kernel.y + s), better);
    }
  }
  y[i] = best;
  places[i] = best_tap;
}

@group(0) @binding(1) var<storage, read> dy: array<lanes>;
@group(0) @binding(2) var<storage, read> maxima: array<indices>;
@group(0) @binding(3) var<storage, read_write> dx: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn max_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.input);
  let windows = windows_of(place.at);
  var sum = lanes(0.0);
  for (var p = windows.low.x; p < windows.high.x; p++) {
    let r = place.at.x + params.padding.x - p * params.stride.x;
    for (var q = windows.low.y; q < windows.high.y; q++) {
      let tap = r * params.kernel.y + place.at.y + params.padding.y - q * params.stride.y;
      let at = ((place.image * params.output.x + p) * params.output.y + q) * params.columns + place.column;
      sum += select(lanes(0.0), dy[at], maxima[at] == indices(tap));
    }
  }
  dx[i] = sum;
}

fn divisor(taps: Taps, count_padding: bool) -> f32 {
  let size = select(taps.high - taps.low, params.kernel, count_padding);
  return f32(size.x * size.y);
}

@compute @workgroup_size(WORKGROUP)
fn mean_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.output);
  let taps = taps_of(place.at);
  let base = place.image * params.input.x;
  var sum = lanes(0.0);
  for (var r = taps.low.x; r < taps.high.x; r++) {
    let row = (base + u32(taps.origin.x + i32(r))) * params.input.y;
    for (var s = taps.low.y; s < taps.high.y; s++) {
      sum += x[(row + u32(taps.origin.y + i32(s))) * params.columns + place.column];
    }
  }
  y[i] = sum / divisor(taps, COUNT_PADDING);
}

@compute @workgroup_size(WORKGROUP)
fn mean_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.input);
  let windows = windows_of(place.at);
  var sum = lanes(0.0);
  for (var p = windows.low.x; p < windows.high.x; p++) {
    for (var q = windows.low.y; q < windows.high.y; q++) {
      let at = ((place.image * params.output.x + p) * params.output.y + q) * params.columns + place.column;
      sum += dy[at] / divisor(taps_of(vec2u(p, q)), COUNT_PADDING);
    }
  }
  dx[i] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn global_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let pixels = params.input.x * params.input.y;
  let image = i / params.columns;
  var at = image * pixels * params.columns + i - image * params.columns;
  var sum = lanes(0.0);
  for (var pixel = 0u; pixel < pixels; pixel++) {
    sum += x[at];
    at += params.columns;
  }
  y[i] = sum / f32(pixels);
}

@compute @workgroup_size(WORKGROUP)
fn global_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.input);
  dx[i] = dy[place.image * params.columns + place.column] / f32(params.input.x * params.input.y);
}
