// matmul: y = a b for each matrix of a batch, f16 operands, f32 sums: the family for GPUs whose subgroups multiply matrices.
//
// forward  reads a[batch,m,k] or, with TRANSPOSE_A, a[batch,k,m], b[batch,k,n] or, with TRANSPOSE_B, b[batch,n,k],
//          writes y[slices,batch,m,n]   grid: ceil(m / TILE_M), ceil(n / TILE_N), batch slices
//
// m, n and k are multiples of four where they run along rows, n always. The matrices of a batch lie stride_a and stride_b apart; a stride
// of 0 uses one for all. Slice z sums its share of k; sum-slices.wgsl adds the slices. With one slice, y is the product.
//
// Tiling: a workgroup computes TILE_M x TILE_N results, each of its subgroups 64 x 32 of them, as matrices of M x N that its lanes share.
// The sum advances 32 terms a step: all threads copy a tile of each operand to workgroup memory, laid out as it lies outside (the matrix
// loads take rows or columns), load the next step's into registers, and multiply: a subgroup 64 x K by K x 32, which for matrices of
// 16 x 16 is six loads for eight products. Those loads stand in the same block as the products: a compiler waits for them where a branch
// ends, and may move them behind one.
// Rows in workgroup memory are 16 bytes longer than they need to be, so that eight of them begin in different banks.
//
// What lies beyond m, n and k is 0 in the tiles. Results go through workgroup memory, a matrix of each subgroup at a time, since which lane
// holds what is not specified. A subgroup may be smaller than the largest that the device has: those too many only copy.
//
// Matrices are as https://dawn.googlesource.com/dawn/+/HEAD/docs/dawn/features/subgroup_matrix.md has them; sizes must be constants. The
// twin .eight has matrices of 8 x 8 x 8 (Apple), .short of 8 x 16 x 16 (Intel). The twin .emulated does what the others do with plain arithmetic, in subgroups of 32 lanes and for
// any size, to test the rest on devices without such matrices: a left or right one is where it lies and its steps down and across; of a sum, a
// lane has each 32nd element. Its M, N and K look variable, or a software driver would unroll all loops and compile for minutes.

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
override TRANSPOSE_A: u32 = 0;
override TRANSPOSE_B: u32 = 0;

const TILE_K: u32 = 32;
const PAD: u32 = 8;
const ROWS: u32 = 64;            // of a subgroup
const COLUMNS: u32 = 32;

alias left = subgroup_matrix_left<f16, K, M>; // .emulated: vec3u
alias right = subgroup_matrix_right<f16, N, K>; // .emulated: vec3u
alias lefts = array<left, ROWS / M>; // .emulated: array<vec3u, 8>
alias sums_of = array<subgroup_matrix_result<f32, N, M>, ROWS / M * (COLUMNS / N)>; // .emulated: array<f32, 64>

struct Params {
  m: u32, n: u32, k: u32,
  batch: u32,
  stride_a: u32,   // elements, a multiple of four
  stride_b: u32,
  slice: u32,      // of k, a multiple of four
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

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

// Loads the tiles whose terms begin at k0.
fn fetch(local: u32, group: vec3u, k0: u32, last: u32) {
  let matrix = group.z % params.batch;
  mask = 0u;
  for (var p = 0u; p < pieces(TILE_M); p++) {
    let v = local + p * WORKGROUP;
    var row = group.x * TILE_M + v / (TILE_K / 4u);
    var k = k0 + v % (TILE_K / 4u) * 4u;
    var index = row * params.k + k;
    if (TRANSPOSE_A == 1u) {
      row = group.x * TILE_M + v % (TILE_M / 4u) * 4u;
      k = k0 + v / (TILE_M / 4u);
      index = k * params.m + row;
    }
    next_a[p] = a[source((matrix * params.stride_a + index) / 4u, p, row < params.m && k < last)];
  }
  for (var p = 0u; p < pieces(TILE_N); p++) {
    let v = local + p * WORKGROUP;
    var column = group.y * TILE_N + v % (TILE_N / 4u) * 4u;
    var k = k0 + v / (TILE_N / 4u);
    var index = k * params.n + column;
    if (TRANSPOSE_B == 1u) {
      column = group.y * TILE_N + v / (TILE_K / 4u);
      k = k0 + v % (TILE_K / 4u) * 4u;
      index = column * params.k + k;
    }
    next_b[p] = b[source((matrix * params.stride_b + index) / 4u, 16u + p, column < params.n && k < last)];
  }
}

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_in: u32, // .emulated: @builtin(num_workgroups) groups: vec3u,
) {
  let subgroup = subgroup_in; // .emulated: let subgroup = local / 32u; let one = min(groups.x, 1u); M = UNIT_M * one; N = UNIT_N * one; K = UNIT_K * one;
  let m0 = group.x * TILE_M;
  let n0 = group.y * TILE_N;
  let first = group.z / params.batch * params.slice;
  let last = min(first + params.slice, params.k);
  var sums: sums_of;
  fetch(local, group, first, last);
  for (var k0 = first; k0 < last; k0 += TILE_K) {
    put_tiles(local, TRANSPOSE_A == 1u, TRANSPOSE_B == 1u);
    workgroupBarrier();
    if (subgroup < subgroups_of_tile()) {
      fetch(local, group, k0 + TILE_K, last);
      multiply_tiles(&sums, subgroup, local % 32u, TRANSPOSE_A == 1u, TRANSPOSE_B == 1u);
    } else { fetch(local, group, k0 + TILE_K, last); }
    workgroupBarrier();
  }
  for (var i = 0u; i < ROWS / M; i++) { // .emulated: for (var i = 0u; i < ROWS / UNIT_M * one; i++) {
    for (var j = 0u; j < COLUMNS / N; j++) { // .emulated: for (var j = 0u; j < COLUMNS / UNIT_N * one; j++) {
      lay_out(&sums, i * (COLUMNS / N) + j, subgroup, local % 32u);
      for (var v = local; v < subgroups_of_tile() * M * N / 4u; v += WORKGROUP) {
        let at = origin(v / (M * N / 4u));
        let row = m0 + at.x + i * M + v % (M * N / 4u) / (N / 4u);
        let column = n0 + at.y + j * N + v % (N / 4u) * 4u;
        if (row >= params.m || column >= params.n) { continue; }
        y[((group.z * params.m + row) * params.n + column) / 4u] = vec4f(results[4u * v], results[4u * v + 1u], results[4u * v + 2u], results[4u * v + 3u]);
      }
    }
  }
}
