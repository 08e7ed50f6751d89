// maxPool2d, avgPool2d, globalAvgPool: the largest value, or the mean, of each window of an image in NHWC.
// Definitions: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html and AvgPool2d.html
//
// max_forward      reads x[N,H,W,C],     writes y[N,P,Q,C] and places[N,P,Q,C], where in its window (r * S + s) the maximum was
// max_backward     reads dy, places,     writes dx
// mean_forward     reads x,              writes y
// mean_backward    reads dy,             writes dx
// global_forward   reads x,              writes means[N,C]
// global_backward  reads dmeans[N,C],    writes dx
//
// A thread makes a run of per_thread neighbouring pixels of one row, in one column of four neighbouring channels, or one in the
// scalar twin: finding out where it is costs divisions, which are slow everywhere. Backward gathers: an input asks each window
// it lies in, in a fixed order. The first of equal maxima in window order has the gradient, as in PyTorch. Padding is never
// read: it cannot be the maximum and adds nothing to a mean, but counts in the mean's divisor if COUNT_PADDING.

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias indices = vec4u; // .scalar: u32
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;
override COUNT_PADDING: bool = true;

// n: threads; columns: groups of channels; runs: of a row; pairs are (height, width); padding: (top, left).
struct Params { n: u32, columns: u32, per_thread: u32, runs: u32, input: vec2u, output: vec2u, kernel: vec2u, stride: vec2u, padding: vec2u }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read_write> y: array<stored>;
@group(0) @binding(3) var<storage, read_write> places: array<indices>;

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

// a / b for a up to two million: float division is far faster than integer division, and the half keeps it exact.
fn quotient(a: u32, b: u32) -> u32 { return u32((f32(a) + 0.5) / f32(b)); }

// Of an axis: the taps [low, high) of window p that lie in the image, and the input that tap `low` sees.
struct Taps { low: u32, high: u32, first: u32 }

fn taps_of(p: u32, stride: u32, padding: u32, kernel: u32, input: u32) -> Taps {
  let origin = p * stride;
  let low = max(origin, padding) - origin;
  return Taps(low, min(kernel, input + padding - origin), origin + low - padding);
}

// Of an axis: the windows [low, high) that input h lies in.
struct Windows { low: u32, high: u32 }

fn windows_of(h: u32, stride: u32, padding: u32, kernel: u32, output: u32) -> Windows {
  let padded = h + padding;
  return Windows(quotient(max(padded + stride, kernel) - kernel, stride), min(quotient(padded, stride) + 1u, output));
}

@compute @workgroup_size(WORKGROUP)
fn max_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.output);
  let rows = taps_of(run.row, params.stride.x, params.padding.x, params.kernel.x, params.input.x);
  let top = run.image * params.input.x + rows.first;
  let line = params.input.y * params.columns;
  var at = run.at;
  for (var q = run.low; q < run.high; q++) {
    let columns = taps_of(q, params.stride.y, params.padding.y, params.kernel.y, params.input.y);
    let corner = (top * params.input.y + columns.first) * params.columns + run.column;
    var best = wide(x[corner]);
    var place = indices(rows.low * params.kernel.y + columns.low);
    for (var r = rows.low; r < rows.high; r++) {
      var from_at = corner + (r - rows.low) * line;
      for (var s = columns.low; s < columns.high; s++) {
        let value = wide(x[from_at]);
        // In f16 the difference is asked, of f32, for the same reason as in relu.wgsl.
        let larger = value > best; // .half: let larger = value - best > vec4f(0.0);
        // .packed: let larger = value - best > vec4f(0.0);
        place = select(place, indices(r * params.kernel.y + s), larger);
        best = max(best, value); // .half: best = select(best, value, larger);
        // .packed: best = select(best, value, larger);
        from_at += params.columns;
      }
    }
    y[at] = narrow(best);
    places[at] = place;
    at += params.columns;
  }
}

@group(0) @binding(1) var<storage, read> dy: array<stored>;
@group(0) @binding(2) var<storage, read> maxima: array<indices>;
@group(0) @binding(3) var<storage, read_write> dx: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn max_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.input);
  let rows = windows_of(run.row, params.stride.x, params.padding.x, params.kernel.x, params.output.x);
  let top = run.image * params.output.x;
  var at = run.at;
  for (var w = run.low; w < run.high; w++) {
    let columns = windows_of(w, params.stride.y, params.padding.y, params.kernel.y, params.output.y);
    var sum = lanes(0.0);
    for (var p = rows.low; p < rows.high; p++) {
      let tap = (run.row + params.padding.x - p * params.stride.x) * params.kernel.y + w + params.padding.y;
      let line = (top + p) * params.output.y;
      for (var q = columns.low; q < columns.high; q++) {
        let from_at = (line + q) * params.columns + run.column;
        sum += select(lanes(0.0), wide(dy[from_at]), maxima[from_at] == indices(tap - q * params.stride.y));
      }
    }
    dx[at] = narrow(sum);
    at += params.columns;
  }
}

fn divisor(rows: Taps, columns: Taps, count_padding: bool) -> f32 {
  if (count_padding) { return f32(params.kernel.x * params.kernel.y); }
  return f32((rows.high - rows.low) * (columns.high - columns.low));
}

@compute @workgroup_size(WORKGROUP)
fn mean_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.output);
  let rows = taps_of(run.row, params.stride.x, params.padding.x, params.kernel.x, params.input.x);
  let top = run.image * params.input.x + rows.first;
  let line = params.input.y * params.columns;
  var at = run.at;
  for (var q = run.low; q < run.high; q++) {
    let columns = taps_of(q, params.stride.y, params.padding.y, params.kernel.y, params.input.y);
    let corner = (top * params.input.y + columns.first) * params.columns + run.column;
    var sum = lanes(0.0);
    for (var r = rows.low; r < rows.high; r++) {
      var from_at = corner + (r - rows.low) * line;
      for (var s = columns.low; s < columns.high; s++) {
        sum += wide(x[from_at]);
        from_at += params.columns;
      }
    }
    y[at] = narrow(sum / divisor(rows, columns, COUNT_PADDING));
    at += params.columns;
  }
}

@compute @workgroup_size(WORKGROUP)
fn mean_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.input);
  let rows = windows_of(run.row, params.stride.x, params.padding.x, params.kernel.x, params.output.x);
  let top = run.image * params.output.x;
  var at = run.at;
  for (var w = run.low; w < run.high; w++) {
    let columns = windows_of(w, params.stride.y, params.padding.y, params.kernel.y, params.output.y);
    var sum = lanes(0.0);
    for (var p = rows.low; p < rows.high; p++) {
      let row_taps = taps_of(p, params.stride.x, params.padding.x, params.kernel.x, params.input.x);
      let line = (top + p) * params.output.y;
      for (var q = columns.low; q < columns.high; q++) {
        let column_taps = taps_of(q, params.stride.y, params.padding.y, params.kernel.y, params.input.y);
        sum += wide(dy[(line + q) * params.columns + run.column]) / divisor(row_taps, column_taps, COUNT_PADDING);
      }
    }
    dx[at] = narrow(sum);
    at += params.columns;
  }
}

// the means are f32 in every twin
@group(0) @binding(2) var<storage, read_write> means: array<lanes>;
@group(0) @binding(1) var<storage, read> dmeans: array<lanes>;

@compute @workgroup_size(WORKGROUP)
fn global_forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let pixels = params.input.x * params.input.y;
  let image = i / params.columns;
  var at = image * pixels * params.columns + i - image * params.columns;
  var sum = lanes(0.0);
  for (var pixel = 0u; pixel < pixels; pixel++) {
    sum += wide(x[at]);
    at += params.columns;
  }
  means[i] = sum / f32(pixels);
}

@compute @workgroup_size(WORKGROUP)
fn global_backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let run = run_of(i, params.input);
  let share = dmeans[run.image * params.columns + run.column] / f32(params.input.x * params.input.y);
  var at = run.at;
  for (var w = run.low; w < run.high; w++) {
    dx[at] = narrow(share);
    at += params.columns;
  }
}
