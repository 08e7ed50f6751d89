// matmul: y = a b + bias for each matrix of a batch, the family for GPUs: tiles of both operands lie in workgroup memory.
//
// forward  reads a[batch,m,k] or, with TRANSPOSE_A, a[batch,k,m], b[batch,k,n] or, with TRANSPOSE_B, b[batch,n,k], bias[n],
//          writes y[slices,batch,m,n]   grid: tiles, folded into x and y; batch slices
//
// Rows of a and b as they lie, and n, are multiples of four. The matrices of a batch lie stride_a and stride_b apart; a stride of 0
// uses one for all. Slice z sums its share of k; sum-slices.wgsl adds the slices. With one slice, y is the product.
//
// Tiling: a workgroup computes TILE_M x TILE_N results, a thread ROWS x COLUMNS of them (4 or 8 each) in registers, and the sum
// advances TILE_K terms a step. Per term, 8 x 8 results take four vec4 from workgroup memory for 64 multiply-adds. 32 threads that run
// together lie 4 down and 8 across, so their reads are broadcasts and runs of 128 bytes.
//
// A step loads the next step's operands into registers, multiplies this step's, and only then stores what it loaded: the loads take
// their time while the arithmetic runs. With STAGES 2 the store goes to the other half of the workgroup memory and a step has one
// barrier; with STAGES 1, half the memory, it must wait for everybody's reads, and has two.
//
// Both operands lie in workgroup memory as [k][rows or columns], whatever their layout outside, so that the inner loop reads vec4. A
// loading thread takes a block of 4 x 4: four vec4, and where k runs along them it transposes them in registers. The threads are shared out:
// the first TILE_K TILE_M / 16 load a, as many as b needs load b, the rest none. Without padding, four threads storing a transposed
// block each would meet in the same banks: quads of a row are exchanged (`twist`) depending on k, within eight.
//
// Rows and columns past the end read the last ones again and are not stored, so the steady loop tests nothing but the end of k.
//
// The tiling follows CUTLASS's efficient GEMM (https://github.com/NVIDIA/cutlass/blob/main/media/docs/cpp/efficient_gemm.md).

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
override TRANSPOSE_A: u32 = 0;
override TRANSPOSE_B: u32 = 0;
override UNROLL: u32 = 1;      // 0: the inner loop's length is no constant; a driver that computes on the CPU then compiles four times faster
override WHOLE: u32 = 0;       // 1: k is a multiple of TILE_K, so no end is tested

struct Params {
  m: u32, n: u32, k: u32,
  batch: u32,
  stride_a: u32,   // floats, a multiple of four
  stride_b: u32,
  slices: u32,
  has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<stored>;
@group(0) @binding(2) var<storage, read> b: array<stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<kept>;

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

/** The block that a thread loads: four rows (or columns) from 4 quad on, four terms from 4 term on; `along` if k runs along its vec4. */
struct Role { a: bool, b: bool, quad: u32, term: u32 }

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

/** Sets where a thread loads its block from: `along` rows of k from `first` on, or `first` on across four terms; all in floats but off. */
fn aim(role: Role, along: bool, origin: u32, first: u32, last: u32, lines: u32) {
  if (along) {
    let row = first + 4u * role.quad;
    at0 = (origin + min(row, last) * params.k) / 4u + role.term;
    at1 = (origin + min(row + 1u, last) * params.k) / 4u + role.term;
    at2 = (origin + min(row + 2u, last) * params.k) / 4u + role.term;
    at3 = (origin + min(row + 3u, last) * params.k) / 4u + role.term;
  } else {
    at0 = (origin + min(first + 4u * role.quad, last) + 4u * role.term * lines) / 4u;
    at1 = at0 + lines / 4u;
    at2 = at1 + lines / 4u;
    at3 = at2 + lines / 4u;
  }
}

/** Loads the block of the step whose terms begin at `k`. */
fn fetch(role: Role, along: bool, k: u32, end: u32, whole: bool) {
  mask = 15u;
  if (!whole) {
    let left = max(end, k + 4u * role.term) - (k + 4u * role.term);
    mask = select((1u << min(left, 4u)) - 1u, select(0u, 15u, left > 0u), along);
  }
  if (role.a) {
    s0 = a[source(at0, 1u)]; s1 = a[source(at1, 2u)]; s2 = a[source(at2, 4u)]; s3 = a[source(at3, 8u)];
  } else if (role.b) {
    s0 = b[source(at0, 1u)]; s1 = b[source(at1, 2u)]; s2 = b[source(at2, 4u)]; s3 = b[source(at3, 8u)];
  }
}

/** Where row `row` of the tile's results goes, from column `column` on. */
fn store(layer: u32, row: u32, column: u32, left: vec4f, right: vec4f) {
  if (row >= params.m) { return; }
  let at = ((layer * params.m + row) * params.n + column) / 4u;
  if (column < params.n) { y[at] = keep(left); }
  if (COLUMNS == 8u && column + TILE_N / 2u < params.n) { y[at + TILE_N / 8u] = keep(right); }
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(group, groups, params.m, params.n);
  if (!tile.live) { return; }
  let a_along = TRANSPOSE_A == 0u;
  let b_along = TRANSPOSE_B == 1u;
  let matrix = group.z % params.batch;
  let slice = group.z / params.batch;
  let length = (params.k + params.slices * TILE_K - 1u) / (params.slices * TILE_K) * TILE_K;
  let begin = min(slice * length, params.k);
  let end = min(begin + length, params.k);
  let steps = (end - begin + TILE_K - 1u) / TILE_K;

  let place = place_of(local, TILE_N / COLUMNS);
  let column = tile.column + 4u * place.y;
  if (params.has_bias == 1u && slice == 0u) {
    t0 = bias[min(column, params.n - 4u) / 4u];
    u0 = bias[min(column + TILE_N / 2u, params.n - 4u) / 4u];
  }
  t1 = t0; t2 = t0; t3 = t0; t4 = t0; t5 = t0; t6 = t0; t7 = t0;
  u1 = u0; u2 = u0; u3 = u0; u4 = u0; u5 = u0; u6 = u0; u7 = u0;

  let role = role_of(local, a_along, b_along);
  let along = (role.a && a_along) || (role.b && b_along);
  var lines = select(params.n, params.m, role.a);
  if (role.a) { aim(role, a_along, matrix * params.stride_a, tile.row, select(params.m - 4u, params.m - 1u, a_along), lines); }
  else { aim(role, b_along, matrix * params.stride_b, tile.column, select(params.n - 4u, params.n - 1u, b_along), lines); }
  let stride = select(TILE_K * lines, TILE_K, along) / 4u;
  off = begin / TILE_K * stride;

  let terms = select(min(TILE_K, TILE_K * params.k), TILE_K, UNROLL == 1u);
  if (steps > 0u) {
    fetch(role, along, begin, end, WHOLE == 1u);
    stash(0u, role, a_along, b_along);
    workgroupBarrier();
    for (var i = 1u; i < steps; i++) {
      off += stride;
      fetch(role, along, begin + i * TILE_K, end, WHOLE == 1u);
      multiply((i - 1u) % STAGES, terms, place);
      if (STAGES == 1u) { workgroupBarrier(); }
      stash(i % STAGES, role, a_along, b_along);
      workgroupBarrier();
    }
    multiply((steps - 1u) % STAGES, terms, place);
  }

  let row = tile.row + 4u * place.x;
  store(group.z, row, column, t0, u0);
  store(group.z, row + 1u, column, t1, u1);
  store(group.z, row + 2u, column, t2, u2);
  store(group.z, row + 3u, column, t3, u3);
  if (ROWS == 8u) {
    store(group.z, row + TILE_M / 2u, column, t4, u4);
    store(group.z, row + TILE_M / 2u + 1u, column, t5, u5);
    store(group.z, row + TILE_M / 2u + 2u, column, t6, u6);
    store(group.z, row + TILE_M / 2u + 3u, column, t7, u7);
  }
}
