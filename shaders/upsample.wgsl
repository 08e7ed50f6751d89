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
// A thread makes a run of per_thread neighbouring pixels of one row, in one column of four neighbouring channels, or one in the
// scalar twin. Backward gathers: the source grows with p, so the outputs that read an input are neighbours; a thread finds
// roughly where they begin and end, then asks what forward asked, so that both agree on every rounding.

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;
override ALIGN_CORNERS: bool = false;

// n: threads; columns: groups of channels; runs: of a row; pairs are (height, width).
struct Params { n: u32, columns: u32, per_thread: u32, runs: u32, input: vec2u, output: vec2u, scale: vec2f }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read_write> y: array<stored>;

// What thread i makes of images of this size: pixels [low, high) of a row, and where in memory the first is.
struct Run { image: u32, row: u32, low: u32, high: u32, column: u32, at: u32 }

fn run_of(i: u32, size: vec2u) -> Run {
  let run = i / params.columns;
  let line = run / params.runs;
  let image = line / size.x;
  let low = (run - line * params.runs) * params.per_thread;
  let column = i - run * params.columns;
  return Run(image, line - image * size.x, low, min(low + params.per_thread, size.y), column, (line * size.y + low) * params.columns + column);
}

// The rest is about one axis: p is an output's index, h an input's.

fn nearest_source(p: u32, scale: f32, input: u32) -> u32 {
  return min(u32(f32(p) * scale), input - 1u);
}

// The two inputs, and how much of the second.
struct Source { low: u32, high: u32, share: f32 }

fn linear_source(p: u32, scale: f32, input: u32, align_corners: bool) -> Source {
  let at = select(max((f32(p) + 0.5) * scale - 0.5, 0.0), f32(p) * scale, align_corners);
  let low = min(u32(at), input - 1u);
  return Source(low, min(low + 1u, input - 1u), at - f32(low));
}

// What an output takes from input h; at the border both of its inputs may be h.
fn weight_of(h: u32, source: Source) -> f32 {
  return select(0.0, 1.0 - source.share, h == source.low) + select(0.0, source.share, h == source.high);
}

// Outputs [low, high).
struct Range { low: u32, high: u32 }

// Those whose source may be from `before` below h to `after` above, where source = (p + shift) * scale - shift.
fn outputs_near(h: u32, scale: f32, output: u32, before: f32, after: f32, shift: f32) -> Range {
  let per_input = 1.0 / max(scale, 1e-20);
  let low = ceil((f32(h) + shift - before) * per_input - shift) - 1.0;
  let high = ceil((f32(h) + shift + after) * per_input - shift) + 1.0;
  return Range(u32(clamp(low, 0.0, f32(output))), u32(clamp(high, 0.0, f32(output))));
}

fn nearest_outputs(h: u32, scale: f32, input: u32, output: u32) -> Range {
  var range = outputs_near(h, scale, output, 0.0, 1.0, 0.0);
  while (range.low < range.high && nearest_source(range.low, scale, input) < h) { range.low += 1u; }
  while (range.low < range.high && nearest_source(range.high - 1u, scale, input) > h) { range.high -= 1u; }
  return range;
}

fn linear_outputs(h: u32, scale: f32, input: u32, output: u32, align_corners: bool) -> Range {
  var range = outputs_near(h, scale, output, 1.0, 1.0, select(0.5, 0.0, align_corners));
  while (range.low < range.high && weight_of(h, linear_source(range.low, scale, input, align_corners)) == 0.0) { range.low += 1u; }
  while (range.low < range.high && weight_of(h, linear_source(range.high - 1u, scale, input, align_corners)) == 0.0) { range.high -= 1u; }
  return range;
}

@compute @workgroup_size(WORKGROUP)
fn nearest_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.output);
  let line = (run.image * params.input.x + nearest_source(run.row, params.scale.x, params.input.x)) * params.input.y;
  var at = run.at;
  for (var q = run.low; q < run.high; q++) {
    y[at] = narrow(wide(x[(line + nearest_source(q, params.scale.y, params.input.y)) * params.columns + run.column]));
    at += params.columns;
  }
}

@compute @workgroup_size(WORKGROUP)
fn linear_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.output);
  let rows = linear_source(run.row, params.scale.x, params.input.x, ALIGN_CORNERS);
  let image = run.image * params.input.x;
  let top = (image + rows.low) * params.input.y;
  let bottom = (image + rows.high) * params.input.y;
  var at = run.at;
  for (var q = run.low; q < run.high; q++) {
    let source = linear_source(q, params.scale.y, params.input.y, ALIGN_CORNERS);
    let left = source.low * params.columns + run.column;
    let right = source.high * params.columns + run.column;
    let above = wide(x[top * params.columns + left]) * (1.0 - source.share) + wide(x[top * params.columns + right]) * source.share;
    let below = wide(x[bottom * params.columns + left]) * (1.0 - source.share) + wide(x[bottom * params.columns + right]) * source.share;
    y[at] = narrow(above * (1.0 - rows.share) + below * rows.share);
    at += params.columns;
  }
}

@group(0) @binding(1) var<storage, read> dy: array<stored>;
@group(0) @binding(2) var<storage, read_write> dx: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn nearest_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.input);
  let rows = nearest_outputs(run.row, params.scale.x, params.input.x, params.output.x);
  let top = run.image * params.output.x;
  var at = run.at;
  for (var w = run.low; w < run.high; w++) {
    let columns = nearest_outputs(w, params.scale.y, params.input.y, params.output.y);
    var sum = lanes(0.0);
    for (var p = rows.low; p < rows.high; p++) {
      let line = (top + p) * params.output.y;
      for (var q = columns.low; q < columns.high; q++) {
        sum += wide(dy[(line + q) * params.columns + run.column]);
      }
    }
    dx[at] = narrow(sum);
    at += params.columns;
  }
}

@compute @workgroup_size(WORKGROUP)
fn linear_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.input);
  let rows = linear_outputs(run.row, params.scale.x, params.input.x, params.output.x, ALIGN_CORNERS);
  let top = run.image * params.output.x;
  var at = run.at;
  for (var w = run.low; w < run.high; w++) {
    let columns = linear_outputs(w, params.scale.y, params.input.y, params.output.y, ALIGN_CORNERS);
    var sum = lanes(0.0);
    for (var p = rows.low; p < rows.high; p++) {
      let down = weight_of(run.row, linear_source(p, params.scale.x, params.input.x, ALIGN_CORNERS));
      let line = (top + p) * params.output.y;
      for (var q = columns.low; q < columns.high; q++) {
        let across = weight_of(w, linear_source(q, params.scale.y, params.input.y, ALIGN_CORNERS));
        sum += wide(dy[(line + q) * params.columns + run.column]) * (down * across);
      }
    }
    dx[at] = narrow(sum);
    at += params.columns;
  }
}
