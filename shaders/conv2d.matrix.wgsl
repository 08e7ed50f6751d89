// conv2d: f16 images and filters, f32 sums: the family for GPUs whose subgroups multiply matrices. See conv2d.wgsl for the formula and
// matmul.matrix.wgsl for tiles, matrices and twins. One group, c and k multiples of four.
//
// forward          reads x[n,h,w,c], w[k,r,s,c], bias[k],  writes y[n,p,q,k]
//                  grid: ceil(n p q / TILE_M), ceil(k / TILE_N), 1
// backward_x       reads dy[n,p,q,k], w, bias[c],          writes dx[n,h,w,c]
//                  grid: ceil(n ceil(h / stride.x) ceil(w / stride.y) / TILE_M), ceil(c / TILE_N), stride.x stride.y
// backward_weight  reads x, dy,                            writes partial[slices,k,r,s,c], f32
//                  grid: ceil(k / TILE_M), r s ceil(c / TILE_N), slices
// forward_slices and backward_x_slices write partial[slices,...], f32, instead; their grids have so many times the layers.
//
// A slice is a share of the sum: of output pixels, or of steps of 32 channels of one tap; without slices, of all steps. sum-slices.wgsl adds
// the slices. With one slice of backward_weight, partial is the gradient.
//
// Each is a matrix product, its operands copied to workgroup memory from where they lie: rows are output pixels (forward), the input pixels
// of a phase (backward_x, as in conv2d.lanes.wgsl) or output channels (backward_weight). The sum runs over taps and, 32 at a time, over
// channels, or over output pixels, 32 at a time. Where a row's pixel lies is found once, or 32 at a time two steps ahead.

diagnostic(off, chromium.subgroup_matrix_uniformity); // .emulated: diagnostic(off, derivative_uniformity);
enable f16;
enable subgroups; // .emulated: enable f16;
enable chromium_experimental_subgroup_matrix; // .emulated: enable f16;

const M: u32 = 16; // .eight: const M: u32 = 8; // .short: const M: u32 = 8; // .emulated: override UNIT_M: u32 = 16; var<private> M: u32;
const N: u32 = 16; // .eight: const N: u32 = 8; // .short: const N: u32 = 16; // .emulated: override UNIT_N: u32 = 16; var<private> N: u32;
const K: u32 = 16; // .eight: const K: u32 = 8; // .short: const K: u32 = 16; // .emulated: override UNIT_K: u32 = 16; var<private> K: u32;

override WORKGROUP: u32 = 64;    // the most lanes of a subgroup, times TILE_M / 64 TILE_N / 32
override TILE_M: u32 = 64;
override TILE_N: u32 = 64;

const TILE_K: u32 = 32;
const PAD: u32 = 8;
const ROWS: u32 = 64;            // of a subgroup
const COLUMNS: u32 = 32;

alias left = subgroup_matrix_left<f16, K, M>; // .emulated: vec3u
alias right = subgroup_matrix_right<f16, N, K>; // .emulated: vec3u
alias lefts = array<left, ROWS / M>; // .emulated: array<vec3u, 8>
alias sums_of = array<subgroup_matrix_result<f32, N, M>, ROWS / M * (COLUMNS / N)>; // .emulated: array<f32, 64>

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
  slice: u32,        // output pixels (backward_weight) or steps in a slice
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f16>>;

// Image, row and column of a pixel; rows of the tile that there are no pixels for read the last one and are not stored.
var<workgroup> places: array<vec3u, max(TILE_M, 2u * TILE_K)>;

var<workgroup> tile_a: array<f16, TILE_M * (TILE_K + PAD)>;
var<workgroup> tile_b: array<f16, TILE_N * (TILE_K + PAD)>;
var<workgroup> results: array<f32, TILE_M / ROWS * (TILE_N / COLUMNS) * M * N>; // .emulated: var<workgroup> results: array<f32, TILE_M / ROWS * (TILE_N / COLUMNS) * 256u>;

// .emulated: fn dot_of(l: left, r: right, i: u32, j: u32) -> f32 { var sum = 0.0; for (var k = 0u; k < K; k++) { sum += f32(tile_a[l.x + i * l.y + k * l.z]) * f32(tile_b[r.x + k * r.y + j * r.z]); } return sum; }

// .emulated: fn multiply_add(l: left, r: right, sums: ptr<function, sums_of>, at: u32, lane: u32) { for (var e = 0u; e < M * N / 32u; e++) { let i = e * 32u + lane; (*sums)[at * (M * N / 32u) + e] += dot_of(l, r, i / N, i % N); } }

// .emulated: fn keep(sums: ptr<function, sums_of>, at: u32, first: u32, lane: u32) { for (var e = 0u; e < M * N / 32u; e++) { results[first + e * 32u + lane] = (*sums)[at * (M * N / 32u) + e]; } }

fn load_left(row: u32, k: u32, columns: bool) -> left {
  if (columns) {
    return subgroupMatrixLoad<left, col_major>(&tile_a, k * (TILE_M + PAD) + row, TILE_M + PAD); // .emulated: return vec3u(k * (TILE_M + PAD) + row, 1u, TILE_M + PAD);
  }
  return subgroupMatrixLoad<left, row_major>(&tile_a, row * (TILE_K + PAD) + k, TILE_K + PAD); // .emulated: return vec3u(row * (TILE_K + PAD) + k, TILE_K + PAD, 1u);
}

fn load_right(k: u32, column: u32, columns: bool) -> right {
  if (columns) {
    return subgroupMatrixLoad<right, col_major>(&tile_b, column * (TILE_K + PAD) + k, TILE_K + PAD); // .emulated: return vec3u(column * (TILE_K + PAD) + k, 1u, TILE_K + PAD);
  }
  return subgroupMatrixLoad<right, row_major>(&tile_b, k * (TILE_N + PAD) + column, TILE_N + PAD); // .emulated: return vec3u(k * (TILE_N + PAD) + column, TILE_N + PAD, 1u);
}

fn subgroups_of_tile() -> u32 {
  return TILE_M / ROWS * (TILE_N / COLUMNS);
}

// Where a subgroup's results begin in the tile.
fn origin(subgroup: u32) -> vec2u {
  return vec2u(subgroup / (TILE_N / COLUMNS) * ROWS, subgroup % (TILE_N / COLUMNS) * COLUMNS);
}

// Adds the products of K terms. `a_columns`: columns of a lie in one piece, not rows; `b_columns` likewise.
fn multiply(sums: ptr<function, sums_of>, subgroup: u32, lane: u32, k: u32, a_columns: bool, b_columns: bool) {
  let at = origin(subgroup);
  var some: lefts;
  for (var i = 0u; i < ROWS / M; i++) { some[i] = load_left(at.x + i * M, k, a_columns); }
  for (var j = 0u; j < COLUMNS / N; j++) {
    let other = load_right(k, at.y + j * N, b_columns);
    for (var i = 0u; i < ROWS / M; i++) {
      let one = i * (COLUMNS / N) + j;
      (*sums)[one] = subgroupMatrixMultiplyAccumulate(some[i], other, (*sums)[one]); // .emulated: multiply_add(some[i], other, sums, one, lane);
    }
  }
}

// All terms that lie in workgroup memory.
fn multiply_tiles(sums: ptr<function, sums_of>, subgroup: u32, lane: u32, a_columns: bool, b_columns: bool) {
  for (var k = 0u; k < TILE_K; k += K) { multiply(sums, subgroup, lane, k, a_columns, b_columns); }
}

// Writes one matrix of each subgroup to `results`.
fn lay_out(sums: ptr<function, sums_of>, one: u32, subgroup: u32, lane: u32) {
  workgroupBarrier();
  if (subgroup < subgroups_of_tile()) {
    subgroupMatrixStore<row_major>(&results, subgroup * M * N, (*sums)[one], N); // .emulated: keep(sums, one, subgroup * M * N, lane);
  }
  workgroupBarrier();
}

// What a thread has loaded for the next step: every WORKGROUP-th vec4 of a tile. One that is not in the mask (bits of b from 16 on) is zero.
var<private> next_a: array<vec4<f16>, 8>;
var<private> next_b: array<vec4<f16>, 8>;
var<private> mask: u32;

// How many vec4 of a tile a thread copies.
fn pieces(size: u32) -> u32 { return size * TILE_K / 4u / WORKGROUP; } // .emulated: fn pieces(size: u32) -> u32 { return size * TILE_K / 4u / WORKGROUP * min(M, 1u); }

// The index to load from: the first there is where there is nothing, since a load that nothing decides about is one that nobody waits for.
fn source(index: u32, bit: u32, inside: bool) -> u32 {
  mask |= select(0u, 1u << bit, inside);
  return select(0u, index, inside);
}

fn loaded(v: vec4<f16>, bit: u32) -> vec4<f16> {
  return select(vec4<f16>(), v, ((mask >> bit) & 1u) != 0u);
}

// Indices are in quads, so that one bound serves four elements and a compiler may join their stores.
fn put_a(quad: u32, v: vec4<f16>) {
  let at = min(quad, TILE_M * (TILE_K + PAD) / 4u - 1u) * 4u;
  tile_a[at] = v.x; tile_a[at + 1u] = v.y; tile_a[at + 2u] = v.z; tile_a[at + 3u] = v.w;
}

fn put_b(quad: u32, v: vec4<f16>) {
  let at = min(quad, TILE_N * (TILE_K + PAD) / 4u - 1u) * 4u;
  tile_b[at] = v.x; tile_b[at + 1u] = v.y; tile_b[at + 2u] = v.z; tile_b[at + 3u] = v.w;
}

// Where vec4 v of a tile of `size` rows or columns lies: `along`, the terms of a row in one piece; else the rows of a term.
fn quad_of(v: u32, size: u32, along: bool) -> u32 {
  if (along) { return v / (TILE_K / 4u) * ((TILE_K + PAD) / 4u) + v % (TILE_K / 4u); }
  return v / (size / 4u) * ((size + PAD) / 4u) + v % (size / 4u);
}

// Copies what was loaded to workgroup memory.
fn put_tiles(local: u32, a_columns: bool, b_columns: bool) {
  for (var p = 0u; p < pieces(TILE_M); p++) { put_a(quad_of(local + p * WORKGROUP, TILE_M, !a_columns), loaded(next_a[p], p)); }
  for (var p = 0u; p < pieces(TILE_N); p++) { put_b(quad_of(local + p * WORKGROUP, TILE_N, b_columns), loaded(next_b[p], 16u + p)); }
}

fn place_of(pixel: u32, height: u32, width: u32) -> vec3u {
  let line = pixel / width;
  let n = line / height;
  return vec3u(n, line - n * height, pixel - line * width);
}

// The four results that thread `v` stores after matrix (i, j) of every subgroup was kept: row and column in the tile.
fn kept_at(v: u32, i: u32, j: u32) -> vec2u {
  return origin(v / (M * N / 4u)) + vec2u(i * M + v % (M * N / 4u) / (N / 4u), j * N + v % (N / 4u) * 4u);
}

fn kept(v: u32) -> vec4f {
  return vec4f(results[4u * v], results[4u * v + 1u], results[4u * v + 2u], results[4u * v + 3u]);
}

// Loads the tiles of a step: 32 channels of a tap.
fn fetch_forward(local: u32, group: vec3u, step: u32) {
  let taps = params.kernel.x * params.kernel.y;
  let steps = (params.c + TILE_K - 1u) / TILE_K;
  let tap = step / steps;
  let r = tap / params.kernel.y;
  let off = vec2u(r, tap - r * params.kernel.y) * params.dilation;
  let c = (step - tap * steps) * TILE_K + local % (TILE_K / 4u) * 4u;
  mask = 0u;
  for (var p = 0u; p < pieces(TILE_M); p++) {
    let place = places[(local + p * WORKGROUP) / (TILE_K / 4u)];
    let at = place.yz + off;
    let index = (((place.x * params.input.x + at.x) * params.input.y + at.y) * params.c + c) / 4u;
    next_a[p] = x[source(index, p, at.x < params.input.x && at.y < params.input.y && c < params.c)];
  }
  for (var p = 0u; p < pieces(TILE_N); p++) {
    let filter_at = group.y * TILE_N + (local + p * WORKGROUP) / (TILE_K / 4u);
    next_b[p] = w[source(((filter_at * taps + tap) * params.c + c) / 4u, 16u + p, filter_at < params.k && c < params.c)];
  }
}

// Adds the share of group.z of the steps, tap by tap.
fn add_forward(sums: ptr<function, sums_of>, group: vec3u, local: u32, subgroup: u32) {
  let m = params.batch * params.output.x * params.output.y;
  for (var row = local; row < TILE_M; row += WORKGROUP) {
    let p = place_of(min(group.x * TILE_M + row, m - 1u), params.output.x, params.output.y);
    // above or left of x these wrap round to huge numbers, so one comparison finds both ends
    places[row] = vec3u(p.x, p.y * params.stride.x - params.padding.x, p.z * params.stride.y - params.padding.y);
  }
  workgroupBarrier();
  let first = group.z * params.slice;
  let last = min(first + params.slice, params.kernel.x * params.kernel.y * ((params.c + TILE_K - 1u) / TILE_K));
  fetch_forward(local, group, first);
  for (var step = first; step < last; step++) {
    put_tiles(local, false, true);
    workgroupBarrier();
    let next = min(step + 1u, last - 1u);
    if (subgroup < subgroups_of_tile()) {
      fetch_forward(local, group, next);
      multiply_tiles(sums, subgroup, local % 32u, false, true);
    } else { fetch_forward(local, group, next); }
    workgroupBarrier();
  }
}

fn bias_of(column: u32, slice: u32) -> vec4f {
  return select(vec4f(), bias[column / 4u], params.has_bias != 0u && slice == 0u);
}

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let m = params.batch * params.output.x * params.output.y;
  var sums: sums_of;
  add_forward(&sums, group, local, subgroup);
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = vec2u(group.x * TILE_M, group.y * TILE_N) + kept_at(v, i, j);
        if (at.x >= m || at.y >= params.k) { continue; }
        y[(at.x * params.k + at.y) / 4u] = vec4<f16>(kept(v) + bias_of(at.y, 0u));
      }
    }
  }
}

@group(0) @binding(7) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn forward_slices(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let m = params.batch * params.output.x * params.output.y;
  var sums: sums_of;
  add_forward(&sums, group, local, subgroup);
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = vec2u(group.x * TILE_M, group.y * TILE_N) + kept_at(v, i, j);
        if (at.x >= m || at.y >= params.k) { continue; }
        partial[((group.z * m + at.x) * params.k + at.y) / 4u] = kept(v) + bias_of(at.y, group.z);
      }
    }
  }
}

@group(0) @binding(5) var<storage, read> dy: array<vec4<f16>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f16>>;

// Which output line and column a tap sends those of a phase to: phase + stride i to i + off, if the stride divides the way there.
struct Sent { off: vec2i, met: bool }

fn sent_by(tap: u32, phase: vec2u) -> Sent {
  let r = tap / params.kernel.y;
  let up = vec2i(phase + params.padding) - vec2i(vec2u(r, tap - r * params.kernel.y) * params.dilation);
  let off = up / vec2i(params.stride);
  return Sent(off, all(off * vec2i(params.stride) == up));
}

// The first step from `step` on whose tap meets the phase, or one that is `last` or more.
fn step_from(step: u32, last: u32, steps: u32, phase: vec2u) -> u32 {
  var at = step;
  while (at < last && !sent_by(at / steps, phase).met) { at = (at / steps + 1u) * steps; }
  return at;
}

// Loads the tiles of a step: 32 output channels of a tap.
fn fetch_backward_x(local: u32, group: vec3u, phase: vec2u, step: u32, steps: u32) {
  let taps = params.kernel.x * params.kernel.y;
  let tap = step / steps;
  let off = vec2u(sent_by(tap, phase).off);
  let k0 = (step - tap * steps) * TILE_K;
  let k = k0 + local % (TILE_K / 4u) * 4u;
  mask = 0u;
  for (var p = 0u; p < pieces(TILE_M); p++) {
    let place = places[(local + p * WORKGROUP) / (TILE_K / 4u)];
    let at = place.yz + off;
    let index = (((place.x * params.output.x + at.x) * params.output.y + at.y) * params.k + k) / 4u;
    next_a[p] = dy[source(index, p, at.x < params.output.x && at.y < params.output.y && k < params.k)];
  }
  for (var p = 0u; p < pieces(TILE_N); p++) {
    let v = local + p * WORKGROUP;
    let column = group.y * TILE_N + v % (TILE_N / 4u) * 4u;
    let row = k0 + v / (TILE_N / 4u);
    next_b[p] = w[source(((row * taps + tap) * params.c + column) / 4u, 16u + p, column < params.c && row < params.k)];
  }
}

// Adds the share of a slice of the steps, tap by tap.
fn add_backward_x(sums: ptr<function, sums_of>, group: vec3u, local: u32, subgroup: u32, phase: vec2u, slice: u32) {
  let size = phase_size(phase);
  let m = params.batch * size.x * size.y;
  for (var row = local; row < TILE_M; row += WORKGROUP) { places[row] = place_of(min(group.x * TILE_M + row, m - 1u), size.x, size.y); }
  workgroupBarrier();
  let steps = (params.k + TILE_K - 1u) / TILE_K;
  let last = min((slice + 1u) * params.slice, params.kernel.x * params.kernel.y * steps);
  var step = step_from(slice * params.slice, last, steps, phase);
  if (step < last) { fetch_backward_x(local, group, phase, step, steps); }
  while (step < last) {
    put_tiles(local, false, false);
    workgroupBarrier();
    step = step_from(step + 1u, last, steps, phase);
    let next = min(step, last - 1u);
    if (subgroup < subgroups_of_tile()) {
      fetch_backward_x(local, group, phase, next, steps);
      multiply_tiles(sums, subgroup, local % 32u, false, false);
    } else { fetch_backward_x(local, group, phase, next, steps); }
    workgroupBarrier();
  }
}

fn phase_size(phase: vec2u) -> vec2u {
  return (params.input - phase + params.stride - 1u) / params.stride;
}

// Where four results lie in dx.
fn input_at(row: u32, column: u32, phase: vec2u) -> u32 {
  let p = places[row];
  let pixel = p.yz * params.stride + phase;
  return (((p.x * params.input.x + pixel.x) * params.input.y + pixel.y) * params.c + column) / 4u;
}

@compute @workgroup_size(WORKGROUP)
fn backward_x(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let phases = params.stride.x * params.stride.y;
  let phase = vec2u(group.z % phases / params.stride.y, group.z % params.stride.y);
  if (phase.x >= params.input.x || phase.y >= params.input.y) { return; }
  let size = phase_size(phase);
  var sums: sums_of;
  add_backward_x(&sums, group, local, subgroup, phase, 0u);
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = kept_at(v, i, j);
        let column = group.y * TILE_N + at.y;
        if (group.x * TILE_M + at.x >= params.batch * size.x * size.y || column >= params.c) { continue; }
        dx[input_at(at.x, column, phase)] = vec4<f16>(kept(v) + bias_of(column, 0u));
      }
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_x_slices(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let phases = params.stride.x * params.stride.y;
  let phase = vec2u(group.z % phases / params.stride.y, group.z % params.stride.y);
  if (phase.x >= params.input.x || phase.y >= params.input.y) { return; }
  let size = phase_size(phase);
  let slice = group.z / phases;
  var sums: sums_of;
  add_backward_x(&sums, group, local, subgroup, phase, slice);
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = kept_at(v, i, j);
        let column = group.y * TILE_N + at.y;
        if (group.x * TILE_M + at.x >= params.batch * size.x * size.y || column >= params.c) { continue; }
        partial[slice * params.batch * params.input.x * params.input.y * (params.c / 4u) + input_at(at.x, column, phase)] = kept(v) + bias_of(column, slice);
      }
    }
  }
}

// Finds where 32 output pixels lie, for one half of `places`: those of a step, while the step before it multiplies.
fn find_pixels(local: u32, half: u32, pixel: u32, last: u32) {
  for (var i = local; i < TILE_K; i += WORKGROUP) { places[half + i] = place_of(min(pixel + i, last - 1u), params.output.x, params.output.y); }
}

// Loads the tiles of 32 output pixels: of dy, and of x what they see through a tap.
fn fetch_backward_weight(local: u32, m0: u32, n0: u32, half: u32, pixel: u32, last: u32, off: vec2u) {
  mask = 0u;
  for (var p = 0u; p < pieces(TILE_M); p++) {
    let v = local + p * WORKGROUP;
    let row = m0 + v % (TILE_M / 4u) * 4u;
    let at = pixel + v / (TILE_M / 4u);
    next_a[p] = dy[source((at * params.k + row) / 4u, p, row < params.k && at < last)];
  }
  for (var p = 0u; p < pieces(TILE_N); p++) {
    let v = local + p * WORKGROUP;
    let column = n0 + v % (TILE_N / 4u) * 4u;
    let place = places[half + v / (TILE_N / 4u)];
    let at = place.yz * params.stride + off;
    let index = (((place.x * params.input.x + at.x) * params.input.y + at.y) * params.c + column) / 4u;
    next_b[p] = x[source(index, 16u + p, column < params.c && at.x < params.input.x && at.y < params.input.y)];
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_weight(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let pixels = params.batch * params.output.x * params.output.y;
  let first = group.z * params.slice;
  let last = min(first + params.slice, pixels);
  let across = (params.c + TILE_N - 1u) / TILE_N;
  let tap = group.y / across;
  let r = tap / params.kernel.y;
  let off = vec2u(r, tap - r * params.kernel.y) * params.dilation - params.padding;
  let m0 = group.x * TILE_M;
  let n0 = (group.y - tap * across) * TILE_N;
  find_pixels(local, 0u, first, last);
  workgroupBarrier();
  var sums: sums_of;
  fetch_backward_weight(local, m0, n0, 0u, first, last, off);
  find_pixels(local, TILE_K, first + TILE_K, last);
  var half = TILE_K;
  for (var pixel = first; pixel < last; pixel += TILE_K) {
    put_tiles(local, true, false);
    workgroupBarrier();
    find_pixels(local, TILE_K - half, pixel + 2u * TILE_K, last);
    if (subgroup < subgroups_of_tile()) {
      fetch_backward_weight(local, m0, n0, half, pixel + TILE_K, last, off);
      multiply_tiles(&sums, subgroup, local % 32u, true, false);
    } else { fetch_backward_weight(local, m0, n0, half, pixel + TILE_K, last, off); }
    half = TILE_K - half;
    workgroupBarrier();
  }
  let taps = params.kernel.x * params.kernel.y;
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = vec2u(m0, n0) + kept_at(v, i, j);
        if (at.x >= params.k || at.y >= params.c) { continue; }
        partial[(((group.z * params.k + at.x) * taps + tap) * params.c + at.y) / 4u] = kept(v);
      }
    }
  }
}
