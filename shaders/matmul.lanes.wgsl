// matmul: y = a b for each matrix of a batch, the family for a software driver whose SIMD lanes are a subgroup of eight (lavapipe).
//
// nn  reads a[m,k], b[k,n]   k and n multiples of four
// nt  reads a[m,k], b[n,k]   k and n multiples of four
// tn  reads a[k,m], b[k,n]   m and n multiples of four
// tt  reads a[k,m], b[n,k]   m, n and k multiples of four
// all write y[slices,batch,m,n]   grid: ceil(m / 16), ceil(n / 32), slices batch
//
// The matrices of a batch lie stride_a and stride_b apart; a stride of 0 uses one for all. Slice z sums k from z*slice to
// (z+1)*slice, a multiple of four; sum-slices.wgsl adds the slices. With one slice, y is the product.
//
// Tiling as in conv2d.lanes-few.wgsl: a workgroup is one subgroup and owns 16 rows x 32 columns, a lane four adjacent columns; four
// k a turn take six vec4 loads and 256 multiply-adds. The rows' values are loaded once, each lane its own, and handed out by
// shuffles. Nothing is packed. No workgroup memory and no barrier: the driver would run the whole module as coroutines. The twin .images
// reads both matrices from images, as conv2d.lanes.wgsl says.

enable subgroups;

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }

override WORKGROUP: u32 = 8;

struct Params {
  m: u32, n: u32, k: u32,
  batch: u32,
  stride_a: u32,   // floats, a multiple of four
  stride_b: u32,
  slice: u32,
  // of images, whose rows have a power of two texels: that less one, and its logarithm
  a_row: vec2u,
  b_row: vec2u,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<stored>; // .images: @group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
fn a_from(i: u32) -> vec4f { return wide(a[i]); } // .images: fn a_from(i: u32) -> vec4f { return textureLoad(a, vec2u(i & params.a_row.x, i >> params.a_row.y)); }
@group(0) @binding(2) var<storage, read> b: array<stored>; // .images: @group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
fn b_from(i: u32) -> vec4f { return wide(b[i]); } // .images: fn b_from(i: u32) -> vec4f { return textureLoad(b, vec2u(i & params.b_row.x, i >> params.b_row.y)); }
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

/** What k a workgroup sums over: [begin, end). */
struct Depth { begin: u32, end: u32 }

fn depth_of(group: vec3u) -> Depth {
  let begin = group.z / params.batch * params.slice;
  return Depth(begin, min(begin + params.slice, params.k));
}

/** What a lane works on. A column past the end reads the last ones. */
struct Tile {
  row: u32,      // of the first of 16
  column: u32,   // of the first of four
  column4: u32,  // that or the last, in fours
  a: u32, b: u32,
}

fn tile_of(group: vec3u, lane: u32) -> Tile {
  let matrix = group.z % params.batch;
  let column = group.y * 32u + lane * 4u;
  return Tile(group.x * 16u, column, min(column, params.n - 1u) / 4u, matrix * (params.stride_a / 4u), matrix * (params.stride_b / 4u));
}

fn store(group: vec3u, tile: Tile, row: u32, t0: vec4f, t1: vec4f, t2: vec4f, t3: vec4f) {
  let n4 = params.n / 4u;
  let o = (group.z * params.m + row) * n4 + tile.column4;
  if (tile.column < params.n) {
    if (row < params.m)      { y[o] = t0; }
    if (row + 1u < params.m) { y[o + n4] = t1; }
    if (row + 2u < params.m) { y[o + 2u * n4] = t2; }
    if (row + 3u < params.m) { y[o + 3u * n4] = t3; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn nn(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let depth = depth_of(group);
  let tile = tile_of(group, id.x);
  let a0_at = tile.a + min(tile.row + id.x, params.m - 1u) * (params.k / 4u);
  let a1_at = tile.a + min(tile.row + id.x + 8u, params.m - 1u) * (params.k / 4u);
  let n4 = params.n / 4u;
  var b_at = tile.b + depth.begin * n4 + tile.column4;
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  for (var i = depth.begin / 4u; i < depth.end / 4u; i++) {
    let a0 = a_from(a0_at + i);
    let a1 = a_from(a1_at + i);
    let f = mat4x4f(b_from(b_at), b_from(b_at + n4), b_from(b_at + 2u * n4), b_from(b_at + 3u * n4));
    b_at += params.n;
    t0 += f * subgroupShuffle(a0, 0u); t1 += f * subgroupShuffle(a0, 1u);
    t2 += f * subgroupShuffle(a0, 2u); t3 += f * subgroupShuffle(a0, 3u);
    t4 += f * subgroupShuffle(a0, 4u); t5 += f * subgroupShuffle(a0, 5u);
    t6 += f * subgroupShuffle(a0, 6u); t7 += f * subgroupShuffle(a0, 7u);
    t8 += f * subgroupShuffle(a1, 0u); t9 += f * subgroupShuffle(a1, 1u);
    t10 += f * subgroupShuffle(a1, 2u); t11 += f * subgroupShuffle(a1, 3u);
    t12 += f * subgroupShuffle(a1, 4u); t13 += f * subgroupShuffle(a1, 5u);
    t14 += f * subgroupShuffle(a1, 6u); t15 += f * subgroupShuffle(a1, 7u);
  }
  for (var row = tile.row; row < tile.row + 16u; row += 4u) {
    store(group, tile, row, t0, t1, t2, t3);
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
  }
}

@compute @workgroup_size(WORKGROUP)
fn nt(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let depth = depth_of(group);
  let tile = tile_of(group, id.x);
  let k4 = params.k / 4u;
  let a0_at = tile.a + min(tile.row + id.x, params.m - 1u) * k4;
  let a1_at = tile.a + min(tile.row + id.x + 8u, params.m - 1u) * k4;
  let b_at = tile.b + tile.column4 * params.k;
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  for (var i = depth.begin / 4u; i < depth.end / 4u; i++) {
    let a0 = a_from(a0_at + i);
    let a1 = a_from(a1_at + i);
    let f = mat4x4f(b_from(b_at + i), b_from(b_at + k4 + i), b_from(b_at + 2u * k4 + i), b_from(b_at + 3u * k4 + i));
    t0 += subgroupShuffle(a0, 0u) * f; t1 += subgroupShuffle(a0, 1u) * f;
    t2 += subgroupShuffle(a0, 2u) * f; t3 += subgroupShuffle(a0, 3u) * f;
    t4 += subgroupShuffle(a0, 4u) * f; t5 += subgroupShuffle(a0, 5u) * f;
    t6 += subgroupShuffle(a0, 6u) * f; t7 += subgroupShuffle(a0, 7u) * f;
    t8 += subgroupShuffle(a1, 0u) * f; t9 += subgroupShuffle(a1, 1u) * f;
    t10 += subgroupShuffle(a1, 2u) * f; t11 += subgroupShuffle(a1, 3u) * f;
    t12 += subgroupShuffle(a1, 4u) * f; t13 += subgroupShuffle(a1, 5u) * f;
    t14 += subgroupShuffle(a1, 6u) * f; t15 += subgroupShuffle(a1, 7u) * f;
  }
  for (var row = tile.row; row < tile.row + 16u; row += 4u) {
    store(group, tile, row, t0, t1, t2, t3);
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
  }
}

@compute @workgroup_size(WORKGROUP)
fn tn(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let depth = depth_of(group);
  let tile = tile_of(group, id.x);
  let m4 = params.m / 4u;
  let n4 = params.n / 4u;
  // lanes 0-3 hold 16 rows of one k, lanes 4-7 of the next
  let a_at = tile.a + min(group.x * 4u + (id.x & 3u), m4 - 1u);
  let b_at = tile.b + tile.column4;
  let last = params.k - 1u;
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  for (var i = depth.begin; i < depth.end; i += 4u) {
    let k0 = i + (id.x >> 2u);
    let k1 = k0 + 2u;
    let a0 = select(vec4f(), a_from(a_at + min(k0, last) * m4), k0 < depth.end);
    let a1 = select(vec4f(), a_from(a_at + min(k1, last) * m4), k1 < depth.end);
    let f = mat4x4f(b_from(b_at + i * n4), b_from(b_at + min(i + 1u, last) * n4), b_from(b_at + min(i + 2u, last) * n4), b_from(b_at + min(i + 3u, last) * n4));
    let q0 = transpose(mat4x4f(subgroupShuffle(a0, 0u), subgroupShuffle(a0, 4u),
                              subgroupShuffle(a1, 0u), subgroupShuffle(a1, 4u)));
    t0 += f * q0[0]; t1 += f * q0[1]; t2 += f * q0[2]; t3 += f * q0[3];
    let q1 = transpose(mat4x4f(subgroupShuffle(a0, 1u), subgroupShuffle(a0, 5u),
                              subgroupShuffle(a1, 1u), subgroupShuffle(a1, 5u)));
    t4 += f * q1[0]; t5 += f * q1[1]; t6 += f * q1[2]; t7 += f * q1[3];
    let q2 = transpose(mat4x4f(subgroupShuffle(a0, 2u), subgroupShuffle(a0, 6u),
                              subgroupShuffle(a1, 2u), subgroupShuffle(a1, 6u)));
    t8 += f * q2[0]; t9 += f * q2[1]; t10 += f * q2[2]; t11 += f * q2[3];
    let q3 = transpose(mat4x4f(subgroupShuffle(a0, 3u), subgroupShuffle(a0, 7u),
                              subgroupShuffle(a1, 3u), subgroupShuffle(a1, 7u)));
    t12 += f * q3[0]; t13 += f * q3[1]; t14 += f * q3[2]; t15 += f * q3[3];
  }
  for (var row = tile.row; row < tile.row + 16u; row += 4u) {
    store(group, tile, row, t0, t1, t2, t3);
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
  }
}

@compute @workgroup_size(WORKGROUP)
fn tt(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let depth = depth_of(group);
  let tile = tile_of(group, id.x);
  let m4 = params.m / 4u;
  let k4 = params.k / 4u;
  let a_at = tile.a + min(group.x * 4u + (id.x & 3u), m4 - 1u) + (id.x >> 2u) * m4;
  let b_at = tile.b + tile.column4 * params.k;
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  for (var i = depth.begin / 4u; i < depth.end / 4u; i++) {
    let a0 = a_from(a_at + i * params.m);
    let a1 = a_from(a_at + i * params.m + 2u * m4);
    let f = mat4x4f(b_from(b_at + i), b_from(b_at + k4 + i), b_from(b_at + 2u * k4 + i), b_from(b_at + 3u * k4 + i));
    let q0 = transpose(mat4x4f(subgroupShuffle(a0, 0u), subgroupShuffle(a0, 4u),
                              subgroupShuffle(a1, 0u), subgroupShuffle(a1, 4u)));
    t0 += q0[0] * f; t1 += q0[1] * f; t2 += q0[2] * f; t3 += q0[3] * f;
    let q1 = transpose(mat4x4f(subgroupShuffle(a0, 1u), subgroupShuffle(a0, 5u),
                              subgroupShuffle(a1, 1u), subgroupShuffle(a1, 5u)));
    t4 += q1[0] * f; t5 += q1[1] * f; t6 += q1[2] * f; t7 += q1[3] * f;
    let q2 = transpose(mat4x4f(subgroupShuffle(a0, 2u), subgroupShuffle(a0, 6u),
                              subgroupShuffle(a1, 2u), subgroupShuffle(a1, 6u)));
    t8 += q2[0] * f; t9 += q2[1] * f; t10 += q2[2] * f; t11 += q2[3] * f;
    let q3 = transpose(mat4x4f(subgroupShuffle(a0, 3u), subgroupShuffle(a0, 7u),
                              subgroupShuffle(a1, 3u), subgroupShuffle(a1, 7u)));
    t12 += q3[0] * f; t13 += q3[1] * f; t14 += q3[2] * f; t15 += q3[3] * f;
  }
  for (var row = tile.row; row < tile.row + 16u; row += 4u) {
    store(group, tile, row, t0, t1, t2, t3);
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
  }
}
