// upsample: an image in NHWC at another size, [N,H,W,C] to [N,P,Q,C].
// Definition: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
//
// nearest_forward    reads x,  writes y: y[p,q] = x[floor(p * scale), floor(q * scale)]
// nearest_backward   reads dy, writes dx: the sum of all dy that were read from here
// linear_forward     reads x,  writes y: the weighted mean of the four inputs around the source of (p, q)
// linear_backward    reads dy, writes dx
//
// scale is input / output on each axis. The linear source of p is (p + 1/2) * scale - 1/2, at least 0; with ALIGN_CORNERS it is
// p * scale, scale being (input - 1) / (output - 1). Indices are computed in f32, as in PyTorch, so that both round alike.
// A thread makes one result of four neighbouring channels, or of one in the scalar twin. Backward gathers: the source grows with
// p, so the outputs that read an input are neighbours; a thread tries all that may be (one more on either side, for rounding)
// and asks for each what forward asked.

alias lanes = vec4f; // .scalar: f32

override WORKGROUP: u32 = 64;
override ALIGN_CORNERS: bool = false;

// n: results; columns: groups of channels; pairs are (height, width).
struct Params { n: u32, columns: u32, input: vec2u, output: vec2u, scale: vec2f }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<lanes>;
@group(0) @binding(2) var<storage, read_write> y: array<lanes>;

// Where result i lies in an image of this size: (height, width), image, column.
struct Place { at: vec2u, image: u32, column: u32 }

fn place_of(i: u32, size: vec2u) -> Place {
  let pixel = i / params.columns;
  let row = pixel / size.y;
  let image = row / size.x;
  return Place(vec2u(row - image * size.x, pixel - row * size.y), image, i - pixel * params.columns);
}

fn nearest_source(p: vec2u) -> vec2u {
  return min(vec2u(floor(vec2f(p) * params.scale)), params.input - 1u);
}

// The two inputs on each axis, and how much of the second.
struct Source { low: vec2u, high: vec2u, share: vec2f }

fn linear_source(p: vec2u, align_corners: bool) -> Source {
  let centred = max((vec2f(p) + 0.5) * params.scale - 0.5, vec2f(0.0));
  let at = select(centred, vec2f(p) * params.scale, align_corners);
  let low = min(vec2u(at), params.input - 1u);
  return Source(low, min(low + 1u, params.input - 1u), at - vec2f(low));
}

fn input_index(image: u32, at: vec2u, column: u32) -> u32 {
  return ((image * params.input.x + at.x) * params.input.y + at.y) * params.columns + column;
}

@compute @workgroup_size(WORKGROUP)
fn nearest_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.output);
  y[i] = x[input_index(place.image, nearest_source(place.at), place.column)];
}

@compute @workgroup_size(WORKGROUP)
fn linear_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.output);
  let source = linear_source(place.at, ALIGN_CORNERS);
  let a = x[input_index(place.image, source.low, place.column)];
  let b = x[input_index(place.image, vec2u(source.low.x, source.high.y), place.column)];
  let c = x[input_index(place.image, vec2u(source.high.x, source.low.y), place.column)];
  let d = x[input_index(place.image, source.high, place.column)];
  let top = a * (1.0 - source.share.y) + b * source.share.y;
  let bottom = c * (1.0 - source.share.y) + d * source.share.y;
  y[i] = top * (1.0 - source.share.x) + bottom * source.share.x;
}

@group(0) @binding(1) var<storage, read> dy: array<lanes>;
@group(0) @binding(2) var<storage, read_write> dx: array<lanes>;

// Outputs [low, high) whose source may be from `before` below input `at` to `after` above it, where source = (p + shift) * scale - shift.
struct Range { low: vec2u, high: vec2u }

fn outputs_of(at: vec2u, before: f32, after: f32, shift: f32) -> Range {
  let scale = max(params.scale, vec2f(1e-20));
  let low = ceil((vec2f(at) + shift - before) / scale - shift) - 1.0;
  let high = ceil((vec2f(at) + shift + after) / scale - shift) + 1.0;
  let end = vec2f(params.output);
  return Range(vec2u(clamp(low, vec2f(0.0), end)), vec2u(clamp(high, vec2f(0.0), end)));
}

@compute @workgroup_size(WORKGROUP)
fn nearest_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.input);
  let range = outputs_of(place.at, 0.0, 1.0, 0.0);
  var sum = lanes(0.0);
  for (var p = range.low.x; p < range.high.x; p++) {
    if (nearest_source(vec2u(p, 0u)).x != place.at.x) { continue; }
    let row = (place.image * params.output.x + p) * params.output.y;
    for (var q = range.low.y; q < range.high.y; q++) {
      if (nearest_source(vec2u(0u, q)).y == place.at.y) { sum += dy[(row + q) * params.columns + place.column]; }
    }
  }
  dx[i] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn linear_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let place = place_of(i, params.input);
  let range = outputs_of(place.at, 1.0, 1.0, select(0.5, 0.0, ALIGN_CORNERS));
  var sum = lanes(0.0);
  for (var p = range.low.x; p < range.high.x; p++) {
    let of_row = linear_source(vec2u(p, 0u), ALIGN_CORNERS);
    let down = weight_of(place.at.x, of_row.low.x, of_row.high.x, of_row.share.x);
    if (down == 0.0) { continue; }
    let row = (place.image * params.output.x + p) * params.output.y;
    for (var q = range.low.y; q < range.high.y; q++) {
      let of_column = linear_source(vec2u(0u, q), ALIGN_CORNERS);
      let across = weight_of(place.at.y, of_column.low.y, of_column.high.y, of_column.share.y);
      if (across != 0.0) { sum += dy[(row + q) * params.columns + place.column] * (down * across); }
    }
  }
  dx[i] = sum;
}

// What an output takes from input `at`; both ends may be the same input at the border.
fn weight_of(at: u32, low: u32, high: u32, share: f32) -> f32 {
  return select(0.0, 1.0 - share, at == low) + select(0.0, share, at == high);
}
