// conv2d: the family for GPUs, an implicit matrix product with tiles in workgroup memory. See conv2d.wgsl for the formula and
// matmul.tiled.wgsl for the tiling. One group; c and k are multiples of four.
//
// forward          reads x[n,h,w,c], w[k,r,s,c], bias[k], writes y[slices,n,p,q,k]
// backward_x       reads dy[n,p,q,k], w, bias[c],         writes dx[slices,n,h,w,c]
// backward_weight  reads x, dy,                           writes partial[slices,k,r,s,c]
//
//                  rows of the product   columns     terms of the sum    a                     b
// forward          output pixels         k           (r, s, c)           x, gathered           w as it lies
// backward_x       pixels of a phase     c           (r, s, k)           dy, gathered          w[k], across
// backward_weight  k                     (r, s, c)   output pixels       dy, across            x, gathered across
//
// grid: tiles, folded into x and y; z is slices, in backward_x slices * stride.x * stride.y phases. Slice z sums its share of the
// terms; sum-slices.wgsl adds the slices. A bias goes into slice 0.
//
// backward_x sorts input pixels by their remainder modulo the stride: those of one phase meet the same taps (r, s), so each phase is a
// dense product of its own, and a phase without taps just writes the bias.
//
// Nothing is divided in a steady loop. A thread that gathers keeps its tap (r, s) and its place in the channels, and steps TILE_K
// terms on; only where that enters another tap does it find out anew which of its four pixels lie in the padding. backward_weight walks
// over pixels instead: TILE_K of them are so many images, lines and columns, added with carry. No size need be a constant of the
// pipeline, so one pipeline serves all layers with the same tile.

// .half: enable f16;
// .halfwide: enable f16;

alias stored = vec4f; // .half: vec4<f16> // .packed: vec2u // .halfwide: vec4<f16> // .packedwide: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(v); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
// .halfwide: fn wide(v: stored) -> vec4f { return vec4f(v); }
// .packedwide: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }

// How results are stored: of slices, and of products, as f32.
alias kept = vec4f; // .half: vec4<f16> // .packed: vec2u
fn keep(v: vec4f) -> kept { return v; } // .half: fn keep(v: vec4f) -> kept { return vec4<f16>(v); }
// .packed: fn keep(v: vec4f) -> kept { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;  // TILE_M / ROWS * TILE_N / COLUMNS
override TILE_M: u32 = 32;
override TILE_N: u32 = 32;
override TILE_K: u32 = 16;     // 8, 16 or 32
override ROWS: u32 = 4;
override COLUMNS: u32 = 4;
override STAGES: u32 = 2;
override UNROLL: u32 = 1;      // 0: the inner loop's length is no constant; a driver that computes on the CPU then compiles four times faster

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
  has_bias: u32,
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read> w: array<stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<kept>;
@group(0) @binding(5) var<storage, read> dy: array<stored>;
@group(0) @binding(6) var<storage, read_write> dx: array<kept>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec4f>;

// Terms 0, 4, 8 and so on of a step lie in the arrays with 0, terms 1, 5, 9 in those with 1: one index, checked once, serves four terms.
var<workgroup> a0: array<vec4f, STAGES * TILE_K * TILE_M / 16u>;
var<workgroup> a1: array<vec4f, STAGES * TILE_K * TILE_M / 16u>;
var<workgroup> a2: array<vec4f, STAGES * TILE_K * TILE_M / 16u>;
var<workgroup> a3: array<vec4f, STAGES * TILE_K * TILE_M / 16u>;
var<workgroup> b0: array<vec4f, STAGES * TILE_K * TILE_N / 16u>;
var<workgroup> b1: array<vec4f, STAGES * TILE_K * TILE_N / 16u>;
var<workgroup> b2: array<vec4f, STAGES * TILE_K * TILE_N / 16u>;
var<workgroup> b3: array<vec4f, STAGES * TILE_K * TILE_N / 16u>;

// The results of a thread: rows 0 to 7, columns 0 to 3 (t) and 4 to 7 (u). What is beyond ROWS and COLUMNS takes no registers.
var<private> t0: vec4f; var<private> t1: vec4f; var<private> t2: vec4f; var<private> t3: vec4f;
var<private> t4: vec4f; var<private> t5: vec4f; var<private> t6: vec4f; var<private> t7: vec4f;
var<private> u0: vec4f; var<private> u1: vec4f; var<private> u2: vec4f; var<private> u3: vec4f;
var<private> u4: vec4f; var<private> u5: vec4f; var<private> u6: vec4f; var<private> u7: vec4f;

// What a thread has loaded for the next step, and from where: at0 + off and so on, in vec4; a place that is not in `mask` is zero.
var<private> s0: stored; var<private> s1: stored; var<private> s2: stored; var<private> s3: stored;
var<private> at0: u32; var<private> at1: u32; var<private> at2: u32; var<private> at3: u32;
var<private> off: u32;
var<private> mask: u32;

// Which term that is: a tap, and a channel.
var<private> tap_row: u32;
var<private> tap_column: u32;
var<private> channel: u32;

// Row and column, 16 bits each, of the four pixels that a thread gathers for tap (0, 0); they may lie outside the image.
var<private> pixel0: u32; var<private> pixel1: u32; var<private> pixel2: u32; var<private> pixel3: u32;

/** A workgroup's tile, as its first row and column. */
struct Tile { row: u32, column: u32, live: bool }

/** Tiles are walked in bands of eight rows, column by column, so that workgroups of one time share operands in the cache. */
fn tile_of(group: vec3u, groups: vec3u, rows: u32, columns: u32) -> Tile {
  let down = (rows + TILE_M - 1u) / TILE_M;
  let across = (columns + TILE_N - 1u) / TILE_N;
  let index = group.y * groups.x + group.x;
  let band = index / (8u * across) * 8u;
  let inside = index % (8u * across);
  let height = min(down - band, 8u);
  return Tile((band + inside % height) * TILE_M, inside / height * TILE_N, index < down * across);
}

/** Which quads of the tile's rows and columns a thread computes; with eight rows or columns, also those half a tile further. */
fn place_of(local: u32, across: u32) -> vec2u {
  let wide = across / 8u;
  return vec2u(local / 8u % 4u + local / 32u / wide * 4u, local % 8u + local / 32u % wide * 8u);
}

/** The block that a thread loads: four rows (or columns) from 4 quad on, four terms from 4 term on. */
struct Role { a: bool, b: bool, quad: u32, term: u32 }

/** `along` where the terms of the sum run along the vec4 of an operand. */
fn role_of(local: u32, a_along: bool, b_along: bool) -> Role {
  let is_a = local < TILE_K * TILE_M / 16u;
  let i = select(local - TILE_K * TILE_M / 16u, local, is_a);
  let quads = select(TILE_N, TILE_M, is_a) / 4u;
  if (select(b_along, a_along, is_a)) { return Role(is_a, !is_a && i < TILE_K * TILE_N / 16u, i / (TILE_K / 4u), i % (TILE_K / 4u)); }
  return Role(is_a, !is_a && i < TILE_K * TILE_N / 16u, i % quads, i / quads);
}

fn twist(term: u32) -> u32 { return term * (32u / TILE_K); }

/** A place of the block to load, or the first there is: a load that nothing decides about is one that nobody waits for. */
fn source(at: u32, bit: u32) -> u32 { return select(0u, at + off, (mask & bit) != 0u); }

/** Stores the loaded block, each vec4 four rows of one term. */
fn stash(stage: u32, role: Role, a_along: bool, b_along: bool) {
  if (mask != 15u) {
    s0 = select(stored(), s0, (mask & 1u) != 0u); s1 = select(stored(), s1, (mask & 2u) != 0u);
    s2 = select(stored(), s2, (mask & 4u) != 0u); s3 = select(stored(), s3, (mask & 8u) != 0u);
  }
  var v = mat4x4f(wide(s0), wide(s1), wide(s2), wide(s3));
  let row = stage * (TILE_K / 4u) + role.term;
  let quad = role.quad ^ twist(role.term);
  if (role.a) {
    if (a_along) { v = transpose(v); }
    let at = row * (TILE_M / 4u) + quad;
    a0[at] = v[0]; a1[at] = v[1]; a2[at] = v[2]; a3[at] = v[3];
  } else if (role.b) {
    if (b_along) { v = transpose(v); }
    let at = row * (TILE_N / 4u) + quad;
    b0[at] = v[0]; b1[at] = v[1]; b2[at] = v[2]; b3[at] = v[3];
  }
}

/** Adds a term to the results: of rows `a` and, eight a thread, `c`; of columns `b` and `d`. */
fn add(a: vec4f, c: vec4f, b: vec4f, d: vec4f) {
  t0 = fma(vec4f(a.x), b, t0); t1 = fma(vec4f(a.y), b, t1); t2 = fma(vec4f(a.z), b, t2); t3 = fma(vec4f(a.w), b, t3);
  if (COLUMNS == 8u) { u0 = fma(vec4f(a.x), d, u0); u1 = fma(vec4f(a.y), d, u1); u2 = fma(vec4f(a.z), d, u2); u3 = fma(vec4f(a.w), d, u3); }
  if (ROWS == 8u) {
    t4 = fma(vec4f(c.x), b, t4); t5 = fma(vec4f(c.y), b, t5); t6 = fma(vec4f(c.z), b, t6); t7 = fma(vec4f(c.w), b, t7);
    if (COLUMNS == 8u) { u4 = fma(vec4f(c.x), d, u4); u5 = fma(vec4f(c.y), d, u5); u6 = fma(vec4f(c.z), d, u6); u7 = fma(vec4f(c.w), d, u7); }
  }
}

/** Adds a step's terms to the results, four at a time. */
fn multiply(stage: u32, terms: u32, place: vec2u) {
  for (var four = 0u; four < terms / 4u; four++) {
    let turn = twist(four);
    let row = stage * (TILE_K / 4u) + four;
    let a = row * (TILE_M / 4u) + (place.x ^ turn);
    let b = row * (TILE_N / 4u) + (place.y ^ turn);
    // only eight rows or columns a thread need these
    let c = row * (TILE_M / 4u) + ((place.x + TILE_M / 8u) ^ turn);
    let d = row * (TILE_N / 4u) + ((place.y + TILE_N / 8u) ^ turn);
    add(a0[a], a0[c], b0[b], b0[d]);
    add(a1[a], a1[c], b1[b], b1[d]);
    add(a2[a], a2[c], b2[b], b2[d]);
    add(a3[a], a3[c], b3[b], b3[d]);
  }
}

fn bias_of(column: u32, channels: u32, wanted: bool) {
  if (wanted) {
    t0 = bias[min(column, channels - 4u) / 4u];
    u0 = bias[min(column + TILE_N / 2u, channels - 4u) / 4u];
  }
  t1 = t0; t2 = t0; t3 = t0; t4 = t0; t5 = t0; t6 = t0; t7 = t0;
  u1 = u0; u2 = u0; u3 = u0; u4 = u0; u5 = u0; u6 = u0; u7 = u0;
}

/** The terms that a slice sums: `steps` times TILE_K from `begin` on. */
struct Share { begin: u32, end: u32, steps: u32 }

fn share_of(slice: u32, terms: u32) -> Share {
  let length = (terms + params.slices * TILE_K - 1u) / (params.slices * TILE_K) * TILE_K;
  let begin = min(slice * length, terms);
  let end = min(begin + length, terms);
  return Share(begin, end, (end - begin + TILE_K - 1u) / TILE_K);
}

// --- what forward and backward_x gather --------------------------------------------------------------------------------------

/** An image [height, width, depth] and the taps it is seen through: tap (i, j) is w's first + (i, j) step, and looks (i, j) stretch away. */
struct Sight { size: vec2u, depth: u32, count: vec2u, first: vec2u, step: vec2u, stretch: vec2u }

fn packed(row: u32, column: u32) -> u32 { return (row << 16u) | (column & 0xffffu); }

/** 1 if the pixel lies in the image. */
fn present(at: u32, away: vec2u, size: vec2u) -> u32 {
  // above or left of it these wrap round to huge numbers
  let row = u32(i32(at) >> 16u) + away.x;
  let column = u32(i32(at << 16u) >> 16u) + away.y;
  return select(0u, 1u, row < size.x && column < size.y);
}

/** Sets off and mask for the term at hand. */
fn locate(role: Role, sight: Sight, across: bool) {
  let live = tap_row < sight.count.x;
  if (role.a) {
    let away = vec2u(tap_row, tap_column) * sight.stretch;
    off = (away.x * sight.size.y + away.y) * (sight.depth / 4u) + channel / 4u;
    mask = present(pixel0, away, sight.size) | (present(pixel1, away, sight.size) << 1u)
      | (present(pixel2, away, sight.size) << 2u) | (present(pixel3, away, sight.size) << 3u);
    if (!live) { mask = 0u; }
  } else {
    let tap = (sight.first.x + tap_row * sight.step.x) * params.kernel.y + sight.first.y + tap_column * sight.step.y;
    if (across) { off = (channel * params.kernel.x * params.kernel.y + tap) * (params.c / 4u); }
    else { off = (tap * params.c + channel) / 4u; }
    mask = select(0u, 15u, live);
  }
}

/** Goes to the first term of a slice. */
fn begin_at(role: Role, sight: Sight, across: bool, term: u32) {
  let tap = term / sight.depth;
  channel = term % sight.depth;
  tap_row = tap / sight.count.y;
  tap_column = tap % sight.count.y;
  locate(role, sight, across);
}

/** Goes TILE_K terms on, `stride` in the same tap. */
fn advance(role: Role, sight: Sight, across: bool, stride: u32) {
  channel += TILE_K;
  off += stride;
  if (channel < sight.depth) { return; }
  while (channel >= sight.depth) {
    channel -= sight.depth;
    tap_column++;
    if (tap_column == sight.count.y) {
      tap_column = 0u;
      tap_row++;
    }
  }
  locate(role, sight, across);
}

/** Pixel `index` of `batch` images of `size`, as image, row, column. */
fn pixel_of(index: u32, size: vec2u) -> vec3u {
  let line = index / size.y;
  return vec3u(line / size.x, line % size.x, index % size.y);
}

/** Sets a pixel to gather from: the image's number, row and column for tap (0, 0). Returns where it lies. */
fn gather_at(image: u32, row: u32, column: u32, sight: Sight) -> u32 {
  return ((image * sight.size.x + row) * sight.size.y + column) * (sight.depth / 4u);
}

// --- forward -----------------------------------------------------------------------------------------------------------------

fn output_pixel(index: u32, last: u32) -> vec3u {
  let o = pixel_of(min(index, last), params.output);
  return vec3u(o.x, o.y * params.stride.x - params.padding.x, o.z * params.stride.y - params.padding.y);
}

fn fetch_forward(role: Role) {
  if (role.a) {
    s0 = x[source(at0, 1u)]; s1 = x[source(at1, 2u)]; s2 = x[source(at2, 4u)]; s3 = x[source(at3, 8u)];
  } else if (role.b) {
    s0 = w[source(at0, 1u)]; s1 = w[source(at1, 2u)]; s2 = w[source(at2, 4u)]; s3 = w[source(at3, 8u)];
  }
}

fn store_y(layer: u32, row: u32, rows: u32, column: u32, left: vec4f, right: vec4f) {
  if (row >= rows) { return; }
  let at = ((layer * rows + row) * params.k + column) / 4u;
  if (column < params.k) { y[at] = keep(left); }
  if (COLUMNS == 8u && column + TILE_N / 2u < params.k) { y[at + TILE_N / 8u] = keep(right); }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let rows = params.batch * params.output.x * params.output.y;
  let tile = tile_of(group, groups, rows, params.k);
  if (!tile.live) { return; }
  let place = place_of(local, TILE_N / COLUMNS);
  let column = tile.column + 4u * place.y;
  bias_of(column, params.k, params.has_bias == 1u && group.z == 0u);

  let sight = Sight(params.input, params.c, params.kernel, vec2u(), vec2u(1u), params.dilation);
  let role = role_of(local, true, true);
  if (role.a) {
    let row = tile.row + 4u * role.quad;
    let p0 = output_pixel(row, rows - 1u);
    let p1 = output_pixel(row + 1u, rows - 1u);
    let p2 = output_pixel(row + 2u, rows - 1u);
    let p3 = output_pixel(row + 3u, rows - 1u);
    pixel0 = packed(p0.y, p0.z); at0 = gather_at(p0.x, p0.y, p0.z, sight);
    pixel1 = packed(p1.y, p1.z); at1 = gather_at(p1.x, p1.y, p1.z, sight);
    pixel2 = packed(p2.y, p2.z); at2 = gather_at(p2.x, p2.y, p2.z, sight);
    pixel3 = packed(p3.y, p3.z); at3 = gather_at(p3.x, p3.y, p3.z, sight);
  } else {
    let filter0 = tile.column + 4u * role.quad;
    let length = params.kernel.x * params.kernel.y * params.c / 4u;
    at0 = min(filter0, params.k - 1u) * length;
    at1 = min(filter0 + 1u, params.k - 1u) * length;
    at2 = min(filter0 + 2u, params.k - 1u) * length;
    at3 = min(filter0 + 3u, params.k - 1u) * length;
  }
  let share = share_of(group.z, params.kernel.x * params.kernel.y * params.c);
  begin_at(role, sight, false, share.begin + 4u * role.term);

  let terms = select(min(TILE_K, TILE_K * params.c), TILE_K, UNROLL == 1u);
  if (share.steps > 0u) {
    fetch_forward(role);
    stash(0u, role, true, true);
    workgroupBarrier();
    for (var i = 1u; i < share.steps; i++) {
      advance(role, sight, false, TILE_K / 4u);
      fetch_forward(role);
      multiply((i - 1u) % STAGES, terms, place);
      if (STAGES == 1u) { workgroupBarrier(); }
      stash(i % STAGES, role, true, true);
      workgroupBarrier();
    }
    multiply((share.steps - 1u) % STAGES, terms, place);
  }

  let row = tile.row + 4u * place.x;
  store_y(group.z, row, rows, column, t0, u0);
  store_y(group.z, row + 1u, rows, column, t1, u1);
  store_y(group.z, row + 2u, rows, column, t2, u2);
  store_y(group.z, row + 3u, rows, column, t3, u3);
  if (ROWS == 8u) {
    store_y(group.z, row + TILE_M / 2u, rows, column, t4, u4);
    store_y(group.z, row + TILE_M / 2u + 1u, rows, column, t5, u5);
    store_y(group.z, row + TILE_M / 2u + 2u, rows, column, t6, u6);
    store_y(group.z, row + TILE_M / 2u + 3u, rows, column, t7, u7);
  }
}

// --- backward_x --------------------------------------------------------------------------------------------------------------

/** The taps that meet a phase along one axis: `count` of them from `first` on, `step` apart. Input pixel phase + stride i meets output
    pixel i + shift through the first, and `stretch` further through each next one. */
struct Meeting { first: u32, step: u32, count: u32, shift: u32, stretch: u32 }

fn meeting_of(phase: u32, kernel: u32, stride: u32, dilation: u32, padding: u32) -> Meeting {
  var met = Meeting(0u, 1u, 0u, 0u, 0u);
  for (var r = 0u; r < kernel; r++) {
    let up = i32(phase + padding) - i32(r * dilation);
    if (up % i32(stride) != 0) { continue; }
    if (met.count == 0u) {
      met.first = r;
      met.shift = u32(up / i32(stride));
    }
    if (met.count == 1u) {
      met.step = r - met.first;
      met.stretch = u32(up / i32(stride)) - met.shift;
    }
    met.count++;
  }
  return met;
}

fn fetch_backward_x(role: Role) {
  if (role.a) {
    s0 = dy[source(at0, 1u)]; s1 = dy[source(at1, 2u)]; s2 = dy[source(at2, 4u)]; s3 = dy[source(at3, 8u)];
  } else if (role.b) {
    s0 = w[source(at0, 1u)]; s1 = w[source(at1, 2u)]; s2 = w[source(at2, 4u)]; s3 = w[source(at3, 8u)];
  }
}

/** Where the pixels of a phase lie in dx. */
struct Phase { at: vec2u, size: vec2u, rows: u32, slice: u32 }

fn store_dx(phase: Phase, row: u32, column: u32, left: vec4f, right: vec4f) {
  if (row >= phase.rows) { return; }
  let i = pixel_of(row, phase.size);
  let fine = vec2u(i.y, i.z) * params.stride + phase.at;
  let pixel = ((phase.slice * params.batch + i.x) * params.input.x + fine.x) * params.input.y + fine.y;
  let at = (pixel * params.c + column) / 4u;
  if (column < params.c) { dx[at] = keep(left); }
  if (COLUMNS == 8u && column + TILE_N / 2u < params.c) { dx[at + TILE_N / 8u] = keep(right); }
}

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let number = group.z / params.slices;
  let phase_at = vec2u(number / params.stride.y, number % params.stride.y);
  if (phase_at.x >= params.input.x || phase_at.y >= params.input.y) { return; }
  let coarse = (params.input - phase_at + params.stride - vec2u(1u)) / params.stride;
  let phase = Phase(phase_at, coarse, params.batch * coarse.x * coarse.y, group.z % params.slices);
  let tile = tile_of(group, groups, phase.rows, params.c);
  if (!tile.live) { return; }
  let place = place_of(local, TILE_N / COLUMNS);
  let column = tile.column + 4u * place.y;
  bias_of(column, params.c, params.has_bias == 1u && phase.slice == 0u);

  let down = meeting_of(phase_at.x, params.kernel.x, params.stride.x, params.dilation.x, params.padding.x);
  let right = meeting_of(phase_at.y, params.kernel.y, params.stride.y, params.dilation.y, params.padding.y);
  let sight = Sight(params.output, params.k, vec2u(down.count, right.count), vec2u(down.first, right.first),
    vec2u(down.step, right.step), vec2u(down.stretch, right.stretch));
  let role = role_of(local, true, false);
  let length = params.kernel.x * params.kernel.y * params.c / 4u;
  if (role.a) {
    let row = tile.row + 4u * role.quad;
    let p0 = pixel_of(min(row, phase.rows - 1u), coarse) + vec3u(0u, down.shift, right.shift);
    let p1 = pixel_of(min(row + 1u, phase.rows - 1u), coarse) + vec3u(0u, down.shift, right.shift);
    let p2 = pixel_of(min(row + 2u, phase.rows - 1u), coarse) + vec3u(0u, down.shift, right.shift);
    let p3 = pixel_of(min(row + 3u, phase.rows - 1u), coarse) + vec3u(0u, down.shift, right.shift);
    pixel0 = packed(p0.y, p0.z); at0 = gather_at(p0.x, p0.y, p0.z, sight);
    pixel1 = packed(p1.y, p1.z); at1 = gather_at(p1.x, p1.y, p1.z, sight);
    pixel2 = packed(p2.y, p2.z); at2 = gather_at(p2.x, p2.y, p2.z, sight);
    pixel3 = packed(p3.y, p3.z); at3 = gather_at(p3.x, p3.y, p3.z, sight);
  } else {
    at0 = min(tile.column + 4u * role.quad, params.c - 4u) / 4u;
    at1 = at0 + length;
    at2 = at1 + length;
    at3 = at2 + length;
  }
  let share = share_of(phase.slice, sight.count.x * sight.count.y * params.k);
  let stride = select(TILE_K * length, TILE_K / 4u, role.a);

  let terms = select(min(TILE_K, TILE_K * params.c), TILE_K, UNROLL == 1u);
  if (share.steps > 0u) {
    begin_at(role, sight, true, share.begin + 4u * role.term);
    fetch_backward_x(role);
    stash(0u, role, true, false);
    workgroupBarrier();
    for (var i = 1u; i < share.steps; i++) {
      advance(role, sight, true, stride);
      fetch_backward_x(role);
      multiply((i - 1u) % STAGES, terms, place);
      if (STAGES == 1u) { workgroupBarrier(); }
      stash(i % STAGES, role, true, false);
      workgroupBarrier();
    }
    multiply((share.steps - 1u) % STAGES, terms, place);
  }

  let row = tile.row + 4u * place.x;
  store_dx(phase, row, column, t0, u0);
  store_dx(phase, row + 1u, column, t1, u1);
  store_dx(phase, row + 2u, column, t2, u2);
  store_dx(phase, row + 3u, column, t3, u3);
  if (ROWS == 8u) {
    store_dx(phase, row + TILE_M / 2u, column, t4, u4);
    store_dx(phase, row + TILE_M / 2u + 1u, column, t5, u5);
    store_dx(phase, row + TILE_M / 2u + 2u, column, t6, u6);
    store_dx(phase, row + TILE_M / 2u + 3u, column, t7, u7);
  }
}

// --- backward_weight ---------------------------------------------------------------------------------------------------------

/** The output pixel `step` further, as image, row, column: added with carry. */
fn further(o: vec3u, step: vec3u) -> vec3u {
  var next = o + step;
  if (next.z >= params.output.y) { next.z -= params.output.y; next.y += 1u; }
  if (next.y >= params.output.x) { next.y -= params.output.x; next.x += 1u; }
  return next;
}

/** Where four channels of x lie that output pixel o sees through a tap; enters `bit` into the mask if that is in the image. */
fn seen(o: vec3u, tap: vec2u, quad: u32, bit: u32) -> u32 {
  let row = o.y * params.stride.x + tap.x;
  let column = o.z * params.stride.y + tap.y;
  let inside = (mask & bit) != 0u && row < params.input.x && column < params.input.y;
  if (!inside) { mask &= ~bit; }
  return select(0u, ((o.x * params.input.x + row) * params.input.y + column) * (params.c / 4u) + quad, inside);
}

/** Loads the block whose terms begin at `term`: of dy at0 + off, or of x what pixel o and the next three see through a tap. */
fn fetch_backward_weight(role: Role, term: u32, end: u32, o: vec3u, tap: vec2u, quad: u32) {
  mask = (1u << min(max(end, term) - term, 4u)) - 1u;
  if (role.a) {
    s0 = dy[source(at0, 1u)]; s1 = dy[source(at1, 2u)]; s2 = dy[source(at2, 4u)]; s3 = dy[source(at3, 8u)];
  } else if (role.b) {
    let one = vec3u(0u, 0u, 1u);
    let o1 = further(o, one);
    let o2 = further(o1, one);
    let o3 = further(o2, one);
    s0 = x[seen(o, tap, quad, 1u)]; s1 = x[seen(o1, tap, quad, 2u)]; s2 = x[seen(o2, tap, quad, 4u)]; s3 = x[seen(o3, tap, quad, 8u)];
  }
}

fn store_partial(layer: u32, row: u32, columns: u32, column: u32, left: vec4f, right: vec4f) {
  if (row >= params.k) { return; }
  let at = ((layer * params.k + row) * columns + column) / 4u;
  if (column < columns) { partial[at] = left; }
  if (COLUMNS == 8u && column + TILE_N / 2u < columns) { partial[at + TILE_N / 8u] = right; }
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let columns = params.kernel.x * params.kernel.y * params.c;
  let tile = tile_of(group, groups, params.k, columns);
  if (!tile.live) { return; }
  let place = place_of(local, TILE_N / COLUMNS);
  let share = share_of(group.z, params.batch * params.output.x * params.output.y);

  let role = role_of(local, false, false);
  let first = share.begin + 4u * role.term;
  var o = pixel_of(first, params.output);
  let step = pixel_of(TILE_K, params.output);
  at0 = first * (params.k / 4u) + min(tile.row + 4u * role.quad, params.k - 4u) / 4u;
  at1 = at0 + params.k / 4u;
  at2 = at1 + params.k / 4u;
  at3 = at2 + params.k / 4u;
  off = 0u;
  let seen_column = min(tile.column + 4u * role.quad, columns - 4u);
  let number = seen_column / params.c;
  let tap = vec2u(number / params.kernel.y, number % params.kernel.y) * params.dilation - params.padding;
  let quad = seen_column % params.c / 4u;

  let terms = select(min(TILE_K, TILE_K * params.c), TILE_K, UNROLL == 1u);
  if (share.steps > 0u) {
    fetch_backward_weight(role, first, share.end, o, tap, quad);
    stash(0u, role, false, false);
    workgroupBarrier();
    for (var i = 1u; i < share.steps; i++) {
      o = further(o, step);
      off += TILE_K * params.k / 4u;
      fetch_backward_weight(role, first + i * TILE_K, share.end, o, tap, quad);
      multiply((i - 1u) % STAGES, terms, place);
      if (STAGES == 1u) { workgroupBarrier(); }
      stash(i % STAGES, role, false, false);
      workgroupBarrier();
    }
    multiply((share.steps - 1u) % STAGES, terms, place);
  }

  let row = tile.row + 4u * place.x;
  let column = tile.column + 4u * place.y;
  store_partial(group.z, row, columns, column, t0, u0);
  store_partial(group.z, row + 1u, columns, column, t1, u1);
  store_partial(group.z, row + 2u, columns, column, t2, u2);
  store_partial(group.z, row + 3u, columns, column, t3, u3);
  if (ROWS == 8u) {
    store_partial(group.z, row + TILE_M / 2u, columns, column, t4, u4);
    store_partial(group.z, row + TILE_M / 2u + 1u, columns, column, t5, u5);
    store_partial(group.z, row + TILE_M / 2u + 2u, columns, column, t6, u6);
    store_partial(group.z, row + TILE_M / 2u + 3u, columns, column, t7, u7);
  }
}
