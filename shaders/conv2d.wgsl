// conv2d: y[n,p,q,k] = bias[k] + sum over r,s,c of x[n, p*stride + r*dilation - top, ...][c] * w[k,r,s,c]. The plain family:
// it runs on every device and every shape. NHWC images, KRSC filters.
//
// forward          reads x[n,h,w,c], w[k,r,s,c/groups], bias[k], writes y[n,p,q,k]
// backward_x       reads dy[n,p,q,k], w, bias,                   writes dx[n,h,w,c]
// backward_weight  reads x, dy,                                  writes partial[slices,k,r,s,c/groups]
// backward_bias    reads dy,                                     writes partial[slices,k]
//
// A thread of the first three computes 4 x 4 results in registers: 4 pixels x 4 channels, or 4 x 4 elements of the filter. No
// workgroup memory and no barrier: software adapters pay for those more than they gain. Each has a form for channels in fours,
// where operands are loaded as vec4, and a `_ragged` form for any number of channels (the three of an RGB image, say).
// Threads of a workgroup lie `lanes` channel blocks wide, so that neighbours share pixels and filter rows alike.
//
// backward_x gathers. An input row h meets only the taps r with (h + top - r*dilation) a multiple of the stride, which depends on
// h mod stride alone: pixels are walked phase by phase, so the four of a thread share their taps and no product with zero is
// formed. It adds a bias because it is also the forward pass of convTranspose2d.
//
// The filter's gradient sums over all n*p*q pixels. Where the filter is small, the image rows are cut into slices with threads
// of their own, and sum-slices.wgsl adds those up: the order never varies, so neither does the result.
//
// The twins keep images and filters in f16, channels in fours; bias and partial are f32.

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

struct Params {
  input: vec2u,      // h, w
  output: vec2u,     // p, q
  kernel: vec2u,     // r, s
  stride: vec2u,
  dilation: vec2u,
  padding: vec2u,    // top, left
  batch: u32,
  c: u32,
  k: u32,
  groups: u32,
  has_bias: u32,
  lanes: u32,        // channel blocks side by side in a workgroup; divides their number
  slices: u32,       // of backward_weight and backward_bias
  slice_rows: u32,   // image rows in a slice of backward_weight, pixels in one of backward_bias
}

@group(0) @binding(0) var<uniform> params: Params;

/** What a thread computes: the 4 pixels from `pixel` on, the channels from `channel` to below `end` (4 at most) of `group`. */
struct Tile {
  pixel: u32,
  group: u32,
  channel: u32,
  end: u32,
}

/** The tile of a thread, channels of one group in blocks of four. */
fn tile_of(team: u32, local: u32, channels: u32) -> Tile {
  let in_group = channels / params.groups;
  let blocks = (in_group + 3) / 4;
  let across = blocks * params.groups / params.lanes;
  let chunk = (team % across) * params.lanes + local % params.lanes;
  let pixel = 4 * ((team / across) * (WORKGROUP / params.lanes) + local / params.lanes);
  let group = chunk / blocks;
  let channel = group * in_group + 4 * (chunk % blocks);
  return Tile(pixel, group, channel, min(channel + 4, (group + 1) * in_group));
}

/** The channels of a tile; past the end the last one repeats. */
fn channels_of(tile: Tile) -> vec4u {
  return min(tile.channel + vec4u(0, 1, 2, 3), vec4u(tile.end - 1));
}

/** Four pixels of an image, by coordinates. */
struct Pixels { n: vec4u, row: vec4u, column: vec4u }

fn pixels_of(index: vec4u, size: vec2u) -> Pixels {
  let rows = index / size.y;
  return Pixels(rows / size.x, rows % size.x, index % size.y);
}

/** Where the four pixels that a tap reads begin, and which of them exist; the others begin at 0. */
struct Taps { at: vec4u, present: vec4<bool> }

fn taps_of(n: vec4u, row: vec4i, column: vec4i, size: vec2u, pixel_stride: u32) -> Taps {
  let present = (row >= vec4i()) & (row < vec4i(i32(size.x))) & (column >= vec4i()) & (column < vec4i(i32(size.y)));
  let at = ((n * size.x + vec4u(row)) * size.y + vec4u(column)) * pixel_stride;
  return Taps(select(vec4u(), at, present), present);
}

// --- forward ---------------------------------------------------------------------------------------------------------------

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> x4: array<stored>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> w4: array<stored>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
// .half: @group(0) @binding(4) var<storage, read_write> y: array<stored>;
// .packed: @group(0) @binding(4) var<storage, read_write> y: array<stored>;

fn store_y(tile: Tile, sums: mat4x4f) {
  let channels = channels_of(tile);
  var base = vec4f();
  if (params.has_bias != 0) { base = vec4f(bias[channels.x], bias[channels.y], bias[channels.z], bias[channels.w]); }
  let count = params.batch * params.output.x * params.output.y;
  for (var i = 0u; i < 4 && tile.pixel + i < count; i++) {
    let values = sums[i] + base;
    let at = (tile.pixel + i) * params.k;
    for (var j = 0u; j < tile.end - tile.channel; j++) { y[at + tile.channel + j] = values[j]; }
    // .half: y[(at + tile.channel) / 4] = narrow(values);
    // .packed: y[(at + tile.channel) / 4] = narrow(values);
  }
}

/** The four output pixels of a tile; past the last one it repeats. */
fn output_pixels(tile: Tile) -> Pixels {
  let last = params.batch * params.output.x * params.output.y - 1;
  return pixels_of(min(tile.pixel + vec4u(0, 1, 2, 3), vec4u(last)), params.output);
}

/** The input pixels under tap (r, s) of four output pixels; `in_fours` counts channels by four. */
fn input_taps(o: Pixels, r: u32, s: u32, in_fours: u32) -> Taps {
  let row = vec4i(o.row * params.stride.x + r * params.dilation.x) - i32(params.padding.x);
  let column = vec4i(o.column * params.stride.y + s * params.dilation.y) - i32(params.padding.y);
  return taps_of(o.n, row, column, params.input, params.c / in_fours);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(id.y * groups.x + id.x, local, params.k);
  if (tile.pixel >= params.batch * params.output.x * params.output.y) { return; }
  let o = output_pixels(tile);
  let depth = params.c / params.groups / 4;
  var rows = channels_of(tile) * (params.kernel.x * params.kernel.y * depth);
  var sums = mat4x4f();
  for (var r = 0u; r < params.kernel.x; r++) {
    for (var s = 0u; s < params.kernel.y; s++) {
      let taps = input_taps(o, r, s, 4);
      let at = taps.at + tile.group * depth;
      for (var c = 0u; c < depth; c++) {
        let f = mat4x4f(wide(w4[rows.x + c]), wide(w4[rows.y + c]), wide(w4[rows.z + c]), wide(w4[rows.w + c]));
        sums[0] += select(vec4f(), wide(x4[at.x + c]), taps.present.x) * f;
        sums[1] += select(vec4f(), wide(x4[at.y + c]), taps.present.y) * f;
        sums[2] += select(vec4f(), wide(x4[at.z + c]), taps.present.z) * f;
        sums[3] += select(vec4f(), wide(x4[at.w + c]), taps.present.w) * f;
      }
      rows += depth;
    }
  }
  store_y(tile, sums);
}

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn forward_ragged(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(id.y * groups.x + id.x, local, params.k);
  if (tile.pixel >= params.batch * params.output.x * params.output.y) { return; }
  let o = output_pixels(tile);
  let depth = params.c / params.groups;
  var rows = channels_of(tile) * (params.kernel.x * params.kernel.y * depth);
  var sums = mat4x4f();
  for (var r = 0u; r < params.kernel.x; r++) {
    for (var s = 0u; s < params.kernel.y; s++) {
      let taps = input_taps(o, r, s, 1);
      let at = taps.at + tile.group * depth;
      for (var c = 0u; c < depth; c++) {
        let f = vec4f(w[rows.x + c], w[rows.y + c], w[rows.z + c], w[rows.w + c]);
        let v = select(vec4f(), vec4f(x[at.x + c], x[at.y + c], x[at.z + c], x[at.w + c]), taps.present);
        sums[0] += v.x * f;
        sums[1] += v.y * f;
        sums[2] += v.z * f;
        sums[3] += v.w * f;
      }
      rows += depth;
    }
  }
  store_y(tile, sums);
}

// --- backward_x ------------------------------------------------------------------------------------------------------------

@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read> dy4: array<stored>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;
// .half: @group(0) @binding(6) var<storage, read_write> dx: array<stored>;
// .packed: @group(0) @binding(6) var<storage, read_write> dx: array<stored>;

/** Rows and columns of a phase: the coarsest has the most, so some pixels of others lie outside the image. */
fn phase_size() -> vec2u {
  return (params.input + params.stride - 1) / params.stride;
}

/** Four input pixels of one phase, and that phase. */
struct Phased { pixels: Pixels, phase: vec2u, live: bool }

/** Pixels are numbered phase by phase, each phase padded to a multiple of four. */
fn input_pixels(tile: Tile) -> Phased {
  let size = phase_size();
  let count = params.batch * size.x * size.y;
  let padded = (count + 3) / 4 * 4;
  let index = tile.pixel / padded;
  let phase = vec2u(index / params.stride.y, index % params.stride.y);
  let coarse = pixels_of(tile.pixel % padded + vec4u(0, 1, 2, 3), size);
  let fine = Pixels(coarse.n, coarse.row * params.stride.x + phase.x, coarse.column * params.stride.y + phase.y);
  return Phased(fine, phase, phase.x < params.stride.x);
}

fn meets(phase: u32, tap: u32, dilation: u32, padding: u32, stride: u32) -> bool {
  return (i32(phase + padding) - i32(tap * dilation)) % i32(stride) == 0;
}

/** The output pixels that use four input pixels through tap (r, s), which meets their phase. */
fn output_taps(i: Pixels, r: u32, s: u32, in_fours: u32) -> Taps {
  let row = vec4i(i.row + params.padding.x) - i32(r * params.dilation.x);
  let column = vec4i(i.column + params.padding.y) - i32(s * params.dilation.y);
  // Exact divisions: a negative multiple of the stride stays negative.
  return taps_of(min(i.n, vec4u(params.batch - 1)), row / i32(params.stride.x), column / i32(params.stride.y), params.output, params.k / in_fours);
}

fn store_dx(tile: Tile, i: Pixels, sums: mat4x4f) {
  let channels = channels_of(tile);
  var base = vec4f();
  if (params.has_bias != 0) { base = vec4f(bias[channels.x], bias[channels.y], bias[channels.z], bias[channels.w]); }
  for (var e = 0u; e < 4; e++) {
    if (i.n[e] >= params.batch || i.row[e] >= params.input.x || i.column[e] >= params.input.y) { continue; }
    let values = sums[e] + base;
    let at = ((i.n[e] * params.input.x + i.row[e]) * params.input.y + i.column[e]) * params.c;
    for (var j = 0u; j < tile.end - tile.channel; j++) { dx[at + tile.channel + j] = values[j]; }
    // .half: dx[(at + tile.channel) / 4] = narrow(values);
    // .packed: dx[(at + tile.channel) / 4] = narrow(values);
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(id.y * groups.x + id.x, local, params.c);
  let i = input_pixels(tile);
  if (!i.live) { return; }
  let depth = params.k / params.groups / 4;
  let c = (tile.channel - tile.group * (params.c / params.groups)) / 4;
  let c4 = params.c / params.groups / 4;
  let row = params.kernel.x * params.kernel.y * c4;
  var sums = mat4x4f();
  for (var r = 0u; r < params.kernel.x; r++) {
    if (!meets(i.phase.x, r, params.dilation.x, params.padding.x, params.stride.x)) { continue; }
    for (var s = 0u; s < params.kernel.y; s++) {
      if (!meets(i.phase.y, s, params.dilation.y, params.padding.y, params.stride.y)) { continue; }
      let taps = output_taps(i.pixels, r, s, 4);
      let at = taps.at + tile.group * depth;
      var f_at = tile.group * depth * 4 * row + (r * params.kernel.y + s) * c4 + c;
      for (var k = 0u; k < depth; k++) {
        let f = mat4x4f(wide(w4[f_at]), wide(w4[f_at + row]), wide(w4[f_at + 2 * row]), wide(w4[f_at + 3 * row]));
        sums[0] += f * select(vec4f(), wide(dy4[at.x + k]), taps.present.x);
        sums[1] += f * select(vec4f(), wide(dy4[at.y + k]), taps.present.y);
        sums[2] += f * select(vec4f(), wide(dy4[at.z + k]), taps.present.z);
        sums[3] += f * select(vec4f(), wide(dy4[at.w + k]), taps.present.w);
        f_at += 4 * row;
      }
    }
  }
  store_dx(tile, i.pixels, sums);
}

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn backward_x_ragged(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(id.y * groups.x + id.x, local, params.c);
  let i = input_pixels(tile);
  if (!i.live) { return; }
  let depth = params.k / params.groups;
  let in_group = params.c / params.groups;
  let channels = channels_of(tile) - tile.group * in_group;
  let row = params.kernel.x * params.kernel.y * in_group;
  var sums = mat4x4f();
  for (var r = 0u; r < params.kernel.x; r++) {
    if (!meets(i.phase.x, r, params.dilation.x, params.padding.x, params.stride.x)) { continue; }
    for (var s = 0u; s < params.kernel.y; s++) {
      if (!meets(i.phase.y, s, params.dilation.y, params.padding.y, params.stride.y)) { continue; }
      let taps = output_taps(i.pixels, r, s, 1);
      let at = taps.at + tile.group * depth;
      var f_at = tile.group * depth * row + (r * params.kernel.y + s) * in_group + channels;
      for (var k = 0u; k < depth; k++) {
        let f = vec4f(w[f_at.x], w[f_at.y], w[f_at.z], w[f_at.w]);
        let v = select(vec4f(), vec4f(dy[at.x + k], dy[at.y + k], dy[at.z + k], dy[at.w + k]), taps.present);
        sums[0] += v.x * f;
        sums[1] += v.y * f;
        sums[2] += v.z * f;
        sums[3] += v.w * f;
        f_at += row;
      }
    }
  }
  store_dx(tile, i.pixels, sums);
}

// --- backward_weight -------------------------------------------------------------------------------------------------------

@group(0) @binding(7) var<storage, read_write> partial: array<f32>;

/** What a thread computes: four filters from `k` on, four of their channels from `c` on, at one tap, over one slice. */
struct Piece { slice: u32, group: u32, k: u32, r: u32, s: u32, c: u32 }

/** Channels are nearest to each other among threads, then columns and rows of the filter, filters, slices. */
fn piece_of(thread: u32) -> Piece {
  let depth = (params.c / params.groups + 3) / 4;
  let filters = (params.k / params.groups + 3) / 4;
  let tap = thread / depth;
  let row = tap / (params.kernel.x * params.kernel.y);
  let chunk = row / filters;
  let group = chunk % params.groups;
  return Piece(
    chunk / params.groups, group, group * (params.k / params.groups) + 4 * (row % filters),
    tap / params.kernel.y % params.kernel.x, tap % params.kernel.y, 4 * (thread % depth));
}

/** Output columns [first, end) whose tap s lies inside the image. */
struct Columns { first: u32, end: u32 }

fn columns_of(s: u32) -> Columns {
  let offset = s * params.dilation.y;
  let left = params.padding.y;
  var span = Columns(0, 0);
  if (left > offset) { span.first = (left - offset + params.stride.y - 1) / params.stride.y; }
  if (params.input.y + left > offset) { span.end = min(params.output.y, (params.input.y + left - offset - 1) / params.stride.y + 1); }
  return span;
}

/** Whether tap r of output row p lies inside the image. */
fn row_present(p: u32, r: u32) -> bool {
  let row = p * params.stride.x + r * params.dilation.x;
  return row >= params.padding.x && row - params.padding.x < params.input.x;
}

/** The pixel of x under tap (r, s) of output pixel (n, p, q), all of which exist. */
fn pixel_under(n: u32, p: u32, q: u32, r: u32, s: u32) -> u32 {
  let row = p * params.stride.x + r * params.dilation.x - params.padding.x;
  let column = q * params.stride.y + s * params.dilation.y - params.padding.y;
  return (n * params.input.x + row) * params.input.y + column;
}

fn store_partial(piece: Piece, sums: mat4x4f) {
  let depth = params.c / params.groups;
  let end = (piece.group + 1) * (params.k / params.groups);
  for (var i = 0u; i < 4 && piece.k + i < end; i++) {
    let at = (((piece.slice * params.k + piece.k + i) * params.kernel.x + piece.r) * params.kernel.y + piece.s) * depth;
    let values = sums[i];
    for (var j = 0u; j < 4 && piece.c + j < depth; j++) { partial[at + piece.c + j] = values[j]; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let piece = piece_of(id.y * groups.x * WORKGROUP + id.x);
  if (piece.slice >= params.slices) { return; }
  let columns = columns_of(piece.s);
  let step = params.stride.y * (params.c / 4);
  var sums = mat4x4f();
  for (var row = piece.slice * params.slice_rows; row < min((piece.slice + 1) * params.slice_rows, params.batch * params.output.x); row++) {
    let p = row % params.output.x;
    if (!row_present(p, piece.r)) { continue; }
    var x_at = pixel_under(row / params.output.x, p, columns.first, piece.r, piece.s) * (params.c / 4) + (piece.group * (params.c / params.groups) + piece.c) / 4;
    var dy_at = ((row * params.output.y + columns.first) * params.k + piece.k) / 4;
    for (var q = columns.first; q < columns.end; q++) {
      let v = wide(x4[x_at]);
      let g = wide(dy4[dy_at]);
      sums[0] += g.x * v;
      sums[1] += g.y * v;
      sums[2] += g.z * v;
      sums[3] += g.w * v;
      x_at += step;
      dy_at += params.k / 4;
    }
  }
  store_partial(piece, sums);
}

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn backward_weight_ragged(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let piece = piece_of(id.y * groups.x * WORKGROUP + id.x);
  if (piece.slice >= params.slices) { return; }
  let columns = columns_of(piece.s);
  let depth = params.c / params.groups;
  let c = piece.group * depth + min(piece.c + vec4u(0, 1, 2, 3), vec4u(depth - 1));
  let k = min(piece.k + vec4u(0, 1, 2, 3), vec4u((piece.group + 1) * (params.k / params.groups) - 1));
  var sums = mat4x4f();
  for (var row = piece.slice * params.slice_rows; row < min((piece.slice + 1) * params.slice_rows, params.batch * params.output.x); row++) {
    let p = row % params.output.x;
    if (!row_present(p, piece.r)) { continue; }
    var x_at = pixel_under(row / params.output.x, p, columns.first, piece.r, piece.s) * params.c + c;
    var dy_at = (row * params.output.y + columns.first) * params.k + k;
    for (var q = columns.first; q < columns.end; q++) {
      let v = vec4f(x[x_at.x], x[x_at.y], x[x_at.z], x[x_at.w]);
      let g = vec4f(dy[dy_at.x], dy[dy_at.y], dy[dy_at.z], dy[dy_at.w]);
      sums[0] += g.x * v;
      sums[1] += g.y * v;
      sums[2] += g.z * v;
      sums[3] += g.w * v;
      x_at += params.stride.y * params.c;
      dy_at += params.k;
    }
  }
  store_partial(piece, sums);
}

// --- backward_bias ---------------------------------------------------------------------------------------------------------

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn backward_bias(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let thread = id.y * groups.x * WORKGROUP + id.x;
  let slice = thread / params.k;
  if (slice >= params.slices) { return; }
  let pixels = params.batch * params.output.x * params.output.y;
  var sum = 0.0;
  for (var i = slice * params.slice_rows; i < min((slice + 1) * params.slice_rows, pixels); i++) { sum += dy[i * params.k + thread % params.k]; }
  partial[thread] = sum;
}
