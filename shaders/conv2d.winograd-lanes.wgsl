// conv2d: the products of conv2d.winograd.wgsl for a software driver whose SIMD lanes are a subgroup of eight (lavapipe).
//
// forward          reads v[16,n th tw,c], u[16,k,c], bias[k], writes y[n,p,q,k] = A' (v u') A + bias
// backward_x       the same with u[16,c,k]
//                  grid: ceil(n th tw / 32), ceil(k / 32), 1
// backward_weight  reads e[16,n th tw,k], v,                  writes partial[slices,16,k,c] = e' v
//                  grid: ceil(k / 32), ceil(c / 32), 16 slices
//
// Slice z / 16 sums tiles z / 16 * slice to (z / 16 + 1) * slice.
//
// Tiling as in conv2d.lanes.wgsl: a workgroup is one subgroup and owns 32 rows x 32 columns, a lane four adjacent columns. Forward, it goes
// through all 16 entries and adds each, transformed back, to the 2x2 results of its 32 tiles, so that the products are never written. All
// these sums do not fit into registers, but they are touched once an entry.

enable subgroups;

override WORKGROUP: u32 = 8;

struct Params {
  size: vec2u,    // p, q
  tiles: vec2u,   // th, tw
  batch: u32,
  c: u32,
  k: u32,
  has_bias: u32,
  slice: u32,     // tiles in a slice of backward_weight
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read> u: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// what an entry adds to the four results: A' has the lines 1 1 1 0 and 0 1 -1 1
fn back(entry: u32) -> vec4f {
  let i = entry / 4u;
  let j = entry % 4u;
  let up = vec2f(select(1.0, 0.0, i == 3u), select(select(1.0, -1.0, i == 2u), 0.0, i == 0u));
  let left = vec2f(select(1.0, 0.0, j == 3u), select(select(1.0, -1.0, j == 2u), 0.0, j == 0u));
  return vec4f(up.x * left, up.y * left);
}

// four times the first pixel of a tile, and 1 if a column follows, and 2 if a line does
fn origin(tile: u32) -> u32 {
  let line = tile / params.tiles.y;
  let n = line / params.tiles.x;
  let row = (line - n * params.tiles.x) * 2u;
  let column = (tile - line * params.tiles.y) * 2u;
  let more = select(0u, 1u, column + 1u < params.size.y) + select(0u, 2u, row + 1u < params.size.x);
  return ((n * params.size.x + row) * params.size.y + column) * 4u + more;
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let m = params.batch * params.tiles.x * params.tiles.y;
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let row = group.x * 32u;
  let column = group.y * 8u + id.x;
  let last = min(column, k4 - 1u);
  let first = select(vec4f(), bias[last], params.has_bias != 0u);
  var a0_at = min(row + id.x, m - 1u) * c4;
  var a1_at = min(row + id.x + 8u, m - 1u) * c4;
  var a2_at = min(row + id.x + 16u, m - 1u) * c4;
  var a3_at = min(row + id.x + 24u, m - 1u) * c4;
  var w_at = last * params.c;
  var p0 = first; var p1 = first; var p2 = first; var p3 = first;
  var p4 = first; var p5 = first; var p6 = first; var p7 = first;
  var p8 = first; var p9 = first; var p10 = first; var p11 = first;
  var p12 = first; var p13 = first; var p14 = first; var p15 = first;
  var p16 = first; var p17 = first; var p18 = first; var p19 = first;
  var p20 = first; var p21 = first; var p22 = first; var p23 = first;
  var p24 = first; var p25 = first; var p26 = first; var p27 = first;
  var p28 = first; var p29 = first; var p30 = first; var p31 = first;
  var q0 = first; var q1 = first; var q2 = first; var q3 = first;
  var q4 = first; var q5 = first; var q6 = first; var q7 = first;
  var q8 = first; var q9 = first; var q10 = first; var q11 = first;
  var q12 = first; var q13 = first; var q14 = first; var q15 = first;
  var q16 = first; var q17 = first; var q18 = first; var q19 = first;
  var q20 = first; var q21 = first; var q22 = first; var q23 = first;
  var q24 = first; var q25 = first; var q26 = first; var q27 = first;
  var q28 = first; var q29 = first; var q30 = first; var q31 = first;
  var r0 = first; var r1 = first; var r2 = first; var r3 = first;
  var r4 = first; var r5 = first; var r6 = first; var r7 = first;
  var r8 = first; var r9 = first; var r10 = first; var r11 = first;
  var r12 = first; var r13 = first; var r14 = first; var r15 = first;
  var r16 = first; var r17 = first; var r18 = first; var r19 = first;
  var r20 = first; var r21 = first; var r22 = first; var r23 = first;
  var r24 = first; var r25 = first; var r26 = first; var r27 = first;
  var r28 = first; var r29 = first; var r30 = first; var r31 = first;
  var s0 = first; var s1 = first; var s2 = first; var s3 = first;
  var s4 = first; var s5 = first; var s6 = first; var s7 = first;
  var s8 = first; var s9 = first; var s10 = first; var s11 = first;
  var s12 = first; var s13 = first; var s14 = first; var s15 = first;
  var s16 = first; var s17 = first; var s18 = first; var s19 = first;
  var s20 = first; var s21 = first; var s22 = first; var s23 = first;
  var s24 = first; var s25 = first; var s26 = first; var s27 = first;
  var s28 = first; var s29 = first; var s30 = first; var s31 = first;
  for (var entry = 0u; entry < 16u; entry++) {
    var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
    var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
    var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
    var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
    var t16 = vec4f(); var t17 = vec4f(); var t18 = vec4f(); var t19 = vec4f();
    var t20 = vec4f(); var t21 = vec4f(); var t22 = vec4f(); var t23 = vec4f();
    var t24 = vec4f(); var t25 = vec4f(); var t26 = vec4f(); var t27 = vec4f();
    var t28 = vec4f(); var t29 = vec4f(); var t30 = vec4f(); var t31 = vec4f();
    for (var i = 0u; i < c4; i++) {
      let a0 = v[a0_at + i];
      let a1 = v[a1_at + i];
      let a2 = v[a2_at + i];
      let a3 = v[a3_at + i];
      let b = mat4x4f(u[w_at + i], u[w_at + c4 + i], u[w_at + 2u * c4 + i], u[w_at + 3u * c4 + i]);
      t0 += subgroupShuffle(a0, 0u) * b; t1 += subgroupShuffle(a0, 1u) * b;
      t2 += subgroupShuffle(a0, 2u) * b; t3 += subgroupShuffle(a0, 3u) * b;
      t4 += subgroupShuffle(a0, 4u) * b; t5 += subgroupShuffle(a0, 5u) * b;
      t6 += subgroupShuffle(a0, 6u) * b; t7 += subgroupShuffle(a0, 7u) * b;
      t8 += subgroupShuffle(a1, 0u) * b; t9 += subgroupShuffle(a1, 1u) * b;
      t10 += subgroupShuffle(a1, 2u) * b; t11 += subgroupShuffle(a1, 3u) * b;
      t12 += subgroupShuffle(a1, 4u) * b; t13 += subgroupShuffle(a1, 5u) * b;
      t14 += subgroupShuffle(a1, 6u) * b; t15 += subgroupShuffle(a1, 7u) * b;
      t16 += subgroupShuffle(a2, 0u) * b; t17 += subgroupShuffle(a2, 1u) * b;
      t18 += subgroupShuffle(a2, 2u) * b; t19 += subgroupShuffle(a2, 3u) * b;
      t20 += subgroupShuffle(a2, 4u) * b; t21 += subgroupShuffle(a2, 5u) * b;
      t22 += subgroupShuffle(a2, 6u) * b; t23 += subgroupShuffle(a2, 7u) * b;
      t24 += subgroupShuffle(a3, 0u) * b; t25 += subgroupShuffle(a3, 1u) * b;
      t26 += subgroupShuffle(a3, 2u) * b; t27 += subgroupShuffle(a3, 3u) * b;
      t28 += subgroupShuffle(a3, 4u) * b; t29 += subgroupShuffle(a3, 5u) * b;
      t30 += subgroupShuffle(a3, 6u) * b; t31 += subgroupShuffle(a3, 7u) * b;
    }
    a0_at += m * c4; a1_at += m * c4; a2_at += m * c4; a3_at += m * c4;
    w_at += params.k * c4;
    let to = back(entry);
    p0 += to.x * t0; q0 += to.y * t0; r0 += to.z * t0; s0 += to.w * t0;
    p1 += to.x * t1; q1 += to.y * t1; r1 += to.z * t1; s1 += to.w * t1;
    p2 += to.x * t2; q2 += to.y * t2; r2 += to.z * t2; s2 += to.w * t2;
    p3 += to.x * t3; q3 += to.y * t3; r3 += to.z * t3; s3 += to.w * t3;
    p4 += to.x * t4; q4 += to.y * t4; r4 += to.z * t4; s4 += to.w * t4;
    p5 += to.x * t5; q5 += to.y * t5; r5 += to.z * t5; s5 += to.w * t5;
    p6 += to.x * t6; q6 += to.y * t6; r6 += to.z * t6; s6 += to.w * t6;
    p7 += to.x * t7; q7 += to.y * t7; r7 += to.z * t7; s7 += to.w * t7;
    p8 += to.x * t8; q8 += to.y * t8; r8 += to.z * t8; s8 += to.w * t8;
    p9 += to.x * t9; q9 += to.y * t9; r9 += to.z * t9; s9 += to.w * t9;
    p10 += to.x * t10; q10 += to.y * t10; r10 += to.z * t10; s10 += to.w * t10;
    p11 += to.x * t11; q11 += to.y * t11; r11 += to.z * t11; s11 += to.w * t11;
    p12 += to.x * t12; q12 += to.y * t12; r12 += to.z * t12; s12 += to.w * t12;
    p13 += to.x * t13; q13 += to.y * t13; r13 += to.z * t13; s13 += to.w * t13;
    p14 += to.x * t14; q14 += to.y * t14; r14 += to.z * t14; s14 += to.w * t14;
    p15 += to.x * t15; q15 += to.y * t15; r15 += to.z * t15; s15 += to.w * t15;
    p16 += to.x * t16; q16 += to.y * t16; r16 += to.z * t16; s16 += to.w * t16;
    p17 += to.x * t17; q17 += to.y * t17; r17 += to.z * t17; s17 += to.w * t17;
    p18 += to.x * t18; q18 += to.y * t18; r18 += to.z * t18; s18 += to.w * t18;
    p19 += to.x * t19; q19 += to.y * t19; r19 += to.z * t19; s19 += to.w * t19;
    p20 += to.x * t20; q20 += to.y * t20; r20 += to.z * t20; s20 += to.w * t20;
    p21 += to.x * t21; q21 += to.y * t21; r21 += to.z * t21; s21 += to.w * t21;
    p22 += to.x * t22; q22 += to.y * t22; r22 += to.z * t22; s22 += to.w * t22;
    p23 += to.x * t23; q23 += to.y * t23; r23 += to.z * t23; s23 += to.w * t23;
    p24 += to.x * t24; q24 += to.y * t24; r24 += to.z * t24; s24 += to.w * t24;
    p25 += to.x * t25; q25 += to.y * t25; r25 += to.z * t25; s25 += to.w * t25;
    p26 += to.x * t26; q26 += to.y * t26; r26 += to.z * t26; s26 += to.w * t26;
    p27 += to.x * t27; q27 += to.y * t27; r27 += to.z * t27; s27 += to.w * t27;
    p28 += to.x * t28; q28 += to.y * t28; r28 += to.z * t28; s28 += to.w * t28;
    p29 += to.x * t29; q29 += to.y * t29; r29 += to.z * t29; s29 += to.w * t29;
    p30 += to.x * t30; q30 += to.y * t30; r30 += to.z * t30; s30 += to.w * t30;
    p31 += to.x * t31; q31 += to.y * t31; r31 += to.z * t31; s31 += to.w * t31;
  }
  var o0 = origin(min(row + id.x, m - 1u));
  var o1 = origin(min(row + id.x + 8u, m - 1u));
  var o2 = origin(min(row + id.x + 16u, m - 1u));
  var o3 = origin(min(row + id.x + 24u, m - 1u));
  let line = params.size.y * k4;
  for (var i = row; i < row + 32u; i += 2u) {
    let o0_at = subgroupShuffle(o0, (i & 6u));
    let d0 = (o0_at >> 2u) * k4 + column;
    let in0 = column < k4 && i < m;
    let right0 = in0 && (o0_at & 1u) != 0u;
    let below0 = in0 && (o0_at & 2u) != 0u;
    if (in0) { y[d0] = p0; }
    if (right0) { y[d0 + k4] = q0; }
    if (below0) { y[d0 + line] = r0; }
    if (right0 && below0) { y[d0 + line + k4] = s0; }
    let o1_at = subgroupShuffle(o0, (i & 6u) + 1u);
    let d1 = (o1_at >> 2u) * k4 + column;
    let in1 = column < k4 && i + 1u < m;
    let right1 = in1 && (o1_at & 1u) != 0u;
    let below1 = in1 && (o1_at & 2u) != 0u;
    if (in1) { y[d1] = p1; }
    if (right1) { y[d1 + k4] = q1; }
    if (below1) { y[d1 + line] = r1; }
    if (right1 && below1) { y[d1 + line + k4] = s1; }
    p0 = p2; p1 = p3; p2 = p4; p3 = p5; p4 = p6; p5 = p7;
    p6 = p8; p7 = p9; p8 = p10; p9 = p11; p10 = p12; p11 = p13;
    p12 = p14; p13 = p15; p14 = p16; p15 = p17; p16 = p18; p17 = p19;
    p18 = p20; p19 = p21; p20 = p22; p21 = p23; p22 = p24; p23 = p25;
    p24 = p26; p25 = p27; p26 = p28; p27 = p29; p28 = p30; p29 = p31;
    q0 = q2; q1 = q3; q2 = q4; q3 = q5; q4 = q6; q5 = q7;
    q6 = q8; q7 = q9; q8 = q10; q9 = q11; q10 = q12; q11 = q13;
    q12 = q14; q13 = q15; q14 = q16; q15 = q17; q16 = q18; q17 = q19;
    q18 = q20; q19 = q21; q20 = q22; q21 = q23; q22 = q24; q23 = q25;
    q24 = q26; q25 = q27; q26 = q28; q27 = q29; q28 = q30; q29 = q31;
    r0 = r2; r1 = r3; r2 = r4; r3 = r5; r4 = r6; r5 = r7;
    r6 = r8; r7 = r9; r8 = r10; r9 = r11; r10 = r12; r11 = r13;
    r12 = r14; r13 = r15; r14 = r16; r15 = r17; r16 = r18; r17 = r19;
    r18 = r20; r19 = r21; r20 = r22; r21 = r23; r22 = r24; r23 = r25;
    r24 = r26; r25 = r27; r26 = r28; r27 = r29; r28 = r30; r29 = r31;
    s0 = s2; s1 = s3; s2 = s4; s3 = s5; s4 = s6; s5 = s7;
    s6 = s8; s7 = s9; s8 = s10; s9 = s11; s10 = s12; s11 = s13;
    s12 = s14; s13 = s15; s14 = s16; s15 = s17; s16 = s18; s17 = s19;
    s18 = s20; s19 = s21; s20 = s22; s21 = s23; s22 = s24; s23 = s25;
    s24 = s26; s25 = s27; s26 = s28; s27 = s29; s28 = s30; s29 = s31;
    if ((i & 6u) == 6u) { o0 = o1; o1 = o2; o2 = o3; }
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let m = params.batch * params.tiles.x * params.tiles.y;
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let row = group.x * 32u;
  let column = group.y * 8u + id.x;
  let last = min(column, k4 - 1u);
  let first = select(vec4f(), bias[last], params.has_bias != 0u);
  var a0_at = min(row + id.x, m - 1u) * c4;
  var a1_at = min(row + id.x + 8u, m - 1u) * c4;
  var a2_at = min(row + id.x + 16u, m - 1u) * c4;
  var a3_at = min(row + id.x + 24u, m - 1u) * c4;
  var w_at = last;
  var p0 = first; var p1 = first; var p2 = first; var p3 = first;
  var p4 = first; var p5 = first; var p6 = first; var p7 = first;
  var p8 = first; var p9 = first; var p10 = first; var p11 = first;
  var p12 = first; var p13 = first; var p14 = first; var p15 = first;
  var p16 = first; var p17 = first; var p18 = first; var p19 = first;
  var p20 = first; var p21 = first; var p22 = first; var p23 = first;
  var p24 = first; var p25 = first; var p26 = first; var p27 = first;
  var p28 = first; var p29 = first; var p30 = first; var p31 = first;
  var q0 = first; var q1 = first; var q2 = first; var q3 = first;
  var q4 = first; var q5 = first; var q6 = first; var q7 = first;
  var q8 = first; var q9 = first; var q10 = first; var q11 = first;
  var q12 = first; var q13 = first; var q14 = first; var q15 = first;
  var q16 = first; var q17 = first; var q18 = first; var q19 = first;
  var q20 = first; var q21 = first; var q22 = first; var q23 = first;
  var q24 = first; var q25 = first; var q26 = first; var q27 = first;
  var q28 = first; var q29 = first; var q30 = first; var q31 = first;
  var r0 = first; var r1 = first; var r2 = first; var r3 = first;
  var r4 = first; var r5 = first; var r6 = first; var r7 = first;
  var r8 = first; var r9 = first; var r10 = first; var r11 = first;
  var r12 = first; var r13 = first; var r14 = first; var r15 = first;
  var r16 = first; var r17 = first; var r18 = first; var r19 = first;
  var r20 = first; var r21 = first; var r22 = first; var r23 = first;
  var r24 = first; var r25 = first; var r26 = first; var r27 = first;
  var r28 = first; var r29 = first; var r30 = first; var r31 = first;
  var s0 = first; var s1 = first; var s2 = first; var s3 = first;
  var s4 = first; var s5 = first; var s6 = first; var s7 = first;
  var s8 = first; var s9 = first; var s10 = first; var s11 = first;
  var s12 = first; var s13 = first; var s14 = first; var s15 = first;
  var s16 = first; var s17 = first; var s18 = first; var s19 = first;
  var s20 = first; var s21 = first; var s22 = first; var s23 = first;
  var s24 = first; var s25 = first; var s26 = first; var s27 = first;
  var s28 = first; var s29 = first; var s30 = first; var s31 = first;
  for (var entry = 0u; entry < 16u; entry++) {
    var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
    var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
    var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
    var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
    var t16 = vec4f(); var t17 = vec4f(); var t18 = vec4f(); var t19 = vec4f();
    var t20 = vec4f(); var t21 = vec4f(); var t22 = vec4f(); var t23 = vec4f();
    var t24 = vec4f(); var t25 = vec4f(); var t26 = vec4f(); var t27 = vec4f();
    var t28 = vec4f(); var t29 = vec4f(); var t30 = vec4f(); var t31 = vec4f();
    for (var i = 0u; i < c4; i++) {
      let a0 = v[a0_at + i];
      let a1 = v[a1_at + i];
      let a2 = v[a2_at + i];
      let a3 = v[a3_at + i];
      let b = mat4x4f(u[w_at], u[w_at + k4], u[w_at + 2u * k4], u[w_at + 3u * k4]);
      w_at += params.k;
      t0 += b * subgroupShuffle(a0, 0u); t1 += b * subgroupShuffle(a0, 1u);
      t2 += b * subgroupShuffle(a0, 2u); t3 += b * subgroupShuffle(a0, 3u);
      t4 += b * subgroupShuffle(a0, 4u); t5 += b * subgroupShuffle(a0, 5u);
      t6 += b * subgroupShuffle(a0, 6u); t7 += b * subgroupShuffle(a0, 7u);
      t8 += b * subgroupShuffle(a1, 0u); t9 += b * subgroupShuffle(a1, 1u);
      t10 += b * subgroupShuffle(a1, 2u); t11 += b * subgroupShuffle(a1, 3u);
      t12 += b * subgroupShuffle(a1, 4u); t13 += b * subgroupShuffle(a1, 5u);
      t14 += b * subgroupShuffle(a1, 6u); t15 += b * subgroupShuffle(a1, 7u);
      t16 += b * subgroupShuffle(a2, 0u); t17 += b * subgroupShuffle(a2, 1u);
      t18 += b * subgroupShuffle(a2, 2u); t19 += b * subgroupShuffle(a2, 3u);
      t20 += b * subgroupShuffle(a2, 4u); t21 += b * subgroupShuffle(a2, 5u);
      t22 += b * subgroupShuffle(a2, 6u); t23 += b * subgroupShuffle(a2, 7u);
      t24 += b * subgroupShuffle(a3, 0u); t25 += b * subgroupShuffle(a3, 1u);
      t26 += b * subgroupShuffle(a3, 2u); t27 += b * subgroupShuffle(a3, 3u);
      t28 += b * subgroupShuffle(a3, 4u); t29 += b * subgroupShuffle(a3, 5u);
      t30 += b * subgroupShuffle(a3, 6u); t31 += b * subgroupShuffle(a3, 7u);
    }
    a0_at += m * c4; a1_at += m * c4; a2_at += m * c4; a3_at += m * c4;
    let to = back(entry);
    p0 += to.x * t0; q0 += to.y * t0; r0 += to.z * t0; s0 += to.w * t0;
    p1 += to.x * t1; q1 += to.y * t1; r1 += to.z * t1; s1 += to.w * t1;
    p2 += to.x * t2; q2 += to.y * t2; r2 += to.z * t2; s2 += to.w * t2;
    p3 += to.x * t3; q3 += to.y * t3; r3 += to.z * t3; s3 += to.w * t3;
    p4 += to.x * t4; q4 += to.y * t4; r4 += to.z * t4; s4 += to.w * t4;
    p5 += to.x * t5; q5 += to.y * t5; r5 += to.z * t5; s5 += to.w * t5;
    p6 += to.x * t6; q6 += to.y * t6; r6 += to.z * t6; s6 += to.w * t6;
    p7 += to.x * t7; q7 += to.y * t7; r7 += to.z * t7; s7 += to.w * t7;
    p8 += to.x * t8; q8 += to.y * t8; r8 += to.z * t8; s8 += to.w * t8;
    p9 += to.x * t9; q9 += to.y * t9; r9 += to.z * t9; s9 += to.w * t9;
    p10 += to.x * t10; q10 += to.y * t10; r10 += to.z * t10; s10 += to.w * t10;
    p11 += to.x * t11; q11 += to.y * t11; r11 += to.z * t11; s11 += to.w * t11;
    p12 += to.x * t12; q12 += to.y * t12; r12 += to.z * t12; s12 += to.w * t12;
    p13 += to.x * t13; q13 += to.y * t13; r13 += to.z * t13; s13 += to.w * t13;
    p14 += to.x * t14; q14 += to.y * t14; r14 += to.z * t14; s14 += to.w * t14;
    p15 += to.x * t15; q15 += to.y * t15; r15 += to.z * t15; s15 += to.w * t15;
    p16 += to.x * t16; q16 += to.y * t16; r16 += to.z * t16; s16 += to.w * t16;
    p17 += to.x * t17; q17 += to.y * t17; r17 += to.z * t17; s17 += to.w * t17;
    p18 += to.x * t18; q18 += to.y * t18; r18 += to.z * t18; s18 += to.w * t18;
    p19 += to.x * t19; q19 += to.y * t19; r19 += to.z * t19; s19 += to.w * t19;
    p20 += to.x * t20; q20 += to.y * t20; r20 += to.z * t20; s20 += to.w * t20;
    p21 += to.x * t21; q21 += to.y * t21; r21 += to.z * t21; s21 += to.w * t21;
    p22 += to.x * t22; q22 += to.y * t22; r22 += to.z * t22; s22 += to.w * t22;
    p23 += to.x * t23; q23 += to.y * t23; r23 += to.z * t23; s23 += to.w * t23;
    p24 += to.x * t24; q24 += to.y * t24; r24 += to.z * t24; s24 += to.w * t24;
    p25 += to.x * t25; q25 += to.y * t25; r25 += to.z * t25; s25 += to.w * t25;
    p26 += to.x * t26; q26 += to.y * t26; r26 += to.z * t26; s26 += to.w * t26;
    p27 += to.x * t27; q27 += to.y * t27; r27 += to.z * t27; s27 += to.w * t27;
    p28 += to.x * t28; q28 += to.y * t28; r28 += to.z * t28; s28 += to.w * t28;
    p29 += to.x * t29; q29 += to.y * t29; r29 += to.z * t29; s29 += to.w * t29;
    p30 += to.x * t30; q30 += to.y * t30; r30 += to.z * t30; s30 += to.w * t30;
    p31 += to.x * t31; q31 += to.y * t31; r31 += to.z * t31; s31 += to.w * t31;
  }
  var o0 = origin(min(row + id.x, m - 1u));
  var o1 = origin(min(row + id.x + 8u, m - 1u));
  var o2 = origin(min(row + id.x + 16u, m - 1u));
  var o3 = origin(min(row + id.x + 24u, m - 1u));
  let line = params.size.y * k4;
  for (var i = row; i < row + 32u; i += 2u) {
    let o0_at = subgroupShuffle(o0, (i & 6u));
    let d0 = (o0_at >> 2u) * k4 + column;
    let in0 = column < k4 && i < m;
    let right0 = in0 && (o0_at & 1u) != 0u;
    let below0 = in0 && (o0_at & 2u) != 0u;
    if (in0) { y[d0] = p0; }
    if (right0) { y[d0 + k4] = q0; }
    if (below0) { y[d0 + line] = r0; }
    if (right0 && below0) { y[d0 + line + k4] = s0; }
    let o1_at = subgroupShuffle(o0, (i & 6u) + 1u);
    let d1 = (o1_at >> 2u) * k4 + column;
    let in1 = column < k4 && i + 1u < m;
    let right1 = in1 && (o1_at & 1u) != 0u;
    let below1 = in1 && (o1_at & 2u) != 0u;
    if (in1) { y[d1] = p1; }
    if (right1) { y[d1 + k4] = q1; }
    if (below1) { y[d1 + line] = r1; }
    if (right1 && below1) { y[d1 + line + k4] = s1; }
    p0 = p2; p1 = p3; p2 = p4; p3 = p5; p4 = p6; p5 = p7;
    p6 = p8; p7 = p9; p8 = p10; p9 = p11; p10 = p12; p11 = p13;
    p12 = p14; p13 = p15; p14 = p16; p15 = p17; p16 = p18; p17 = p19;
    p18 = p20; p19 = p21; p20 = p22; p21 = p23; p22 = p24; p23 = p25;
    p24 = p26; p25 = p27; p26 = p28; p27 = p29; p28 = p30; p29 = p31;
    q0 = q2; q1 = q3; q2 = q4; q3 = q5; q4 = q6; q5 = q7;
    q6 = q8; q7 = q9; q8 = q10; q9 = q11; q10 = q12; q11 = q13;
    q12 = q14; q13 = q15; q14 = q16; q15 = q17; q16 = q18; q17 = q19;
    q18 = q20; q19 = q21; q20 = q22; q21 = q23; q22 = q24; q23 = q25;
    q24 = q26; q25 = q27; q26 = q28; q27 = q29; q28 = q30; q29 = q31;
    r0 = r2; r1 = r3; r2 = r4; r3 = r5; r4 = r6; r5 = r7;
    r6 = r8; r7 = r9; r8 = r10; r9 = r11; r10 = r12; r11 = r13;
    r12 = r14; r13 = r15; r14 = r16; r15 = r17; r16 = r18; r17 = r19;
    r18 = r20; r19 = r21; r20 = r22; r21 = r23; r22 = r24; r23 = r25;
    r24 = r26; r25 = r27; r26 = r28; r27 = r29; r28 = r30; r29 = r31;
    s0 = s2; s1 = s3; s2 = s4; s3 = s5; s4 = s6; s5 = s7;
    s6 = s8; s7 = s9; s8 = s10; s9 = s11; s10 = s12; s11 = s13;
    s12 = s14; s13 = s15; s14 = s16; s15 = s17; s16 = s18; s17 = s19;
    s18 = s20; s19 = s21; s20 = s22; s21 = s23; s22 = s24; s23 = s25;
    s24 = s26; s25 = s27; s26 = s28; s27 = s29; s28 = s30; s29 = s31;
    if ((i & 6u) == 6u) { o0 = o1; o1 = o2; o2 = o3; }
  }
}

@group(0) @binding(5) var<storage, read> e: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let m = params.batch * params.tiles.x * params.tiles.y;
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let entry = group.z % 16u;
  let begin = group.z / 16u * params.slice;
  let end = min(begin + params.slice, m);
  let row = group.x * 32u;
  let column = group.y * 8u + id.x;
  let e_at = entry * m * k4 + min(row / 4u + id.x, k4 - 1u);
  let v_at = entry * m * c4 + min(column, c4 - 1u);
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  var t16 = vec4f(); var t17 = vec4f(); var t18 = vec4f(); var t19 = vec4f();
  var t20 = vec4f(); var t21 = vec4f(); var t22 = vec4f(); var t23 = vec4f();
  var t24 = vec4f(); var t25 = vec4f(); var t26 = vec4f(); var t27 = vec4f();
  var t28 = vec4f(); var t29 = vec4f(); var t30 = vec4f(); var t31 = vec4f();
  for (var i = begin; i < end; i += 4u) {
    // past the end, the last tile times zero
    let i1 = min(i + 1u, end - 1u);
    let i2 = min(i + 2u, end - 1u);
    let i3 = min(i + 3u, end - 1u);
    let a0 = e[e_at + i * k4];
    let a1 = select(vec4f(), e[e_at + i1 * k4], i + 1u < end);
    let a2 = select(vec4f(), e[e_at + i2 * k4], i + 2u < end);
    let a3 = select(vec4f(), e[e_at + i3 * k4], i + 3u < end);
    let b = mat4x4f(v[v_at + i * c4], v[v_at + i1 * c4], v[v_at + i2 * c4], v[v_at + i3 * c4]);
    let q0 = transpose(mat4x4f(subgroupShuffle(a0, 0u), subgroupShuffle(a1, 0u), subgroupShuffle(a2, 0u), subgroupShuffle(a3, 0u)));
    t0 += b * q0[0]; t1 += b * q0[1]; t2 += b * q0[2]; t3 += b * q0[3];
    let q1 = transpose(mat4x4f(subgroupShuffle(a0, 1u), subgroupShuffle(a1, 1u), subgroupShuffle(a2, 1u), subgroupShuffle(a3, 1u)));
    t4 += b * q1[0]; t5 += b * q1[1]; t6 += b * q1[2]; t7 += b * q1[3];
    let q2 = transpose(mat4x4f(subgroupShuffle(a0, 2u), subgroupShuffle(a1, 2u), subgroupShuffle(a2, 2u), subgroupShuffle(a3, 2u)));
    t8 += b * q2[0]; t9 += b * q2[1]; t10 += b * q2[2]; t11 += b * q2[3];
    let q3 = transpose(mat4x4f(subgroupShuffle(a0, 3u), subgroupShuffle(a1, 3u), subgroupShuffle(a2, 3u), subgroupShuffle(a3, 3u)));
    t12 += b * q3[0]; t13 += b * q3[1]; t14 += b * q3[2]; t15 += b * q3[3];
    let q4 = transpose(mat4x4f(subgroupShuffle(a0, 4u), subgroupShuffle(a1, 4u), subgroupShuffle(a2, 4u), subgroupShuffle(a3, 4u)));
    t16 += b * q4[0]; t17 += b * q4[1]; t18 += b * q4[2]; t19 += b * q4[3];
    let q5 = transpose(mat4x4f(subgroupShuffle(a0, 5u), subgroupShuffle(a1, 5u), subgroupShuffle(a2, 5u), subgroupShuffle(a3, 5u)));
    t20 += b * q5[0]; t21 += b * q5[1]; t22 += b * q5[2]; t23 += b * q5[3];
    let q6 = transpose(mat4x4f(subgroupShuffle(a0, 6u), subgroupShuffle(a1, 6u), subgroupShuffle(a2, 6u), subgroupShuffle(a3, 6u)));
    t24 += b * q6[0]; t25 += b * q6[1]; t26 += b * q6[2]; t27 += b * q6[3];
    let q7 = transpose(mat4x4f(subgroupShuffle(a0, 7u), subgroupShuffle(a1, 7u), subgroupShuffle(a2, 7u), subgroupShuffle(a3, 7u)));
    t28 += b * q7[0]; t29 += b * q7[1]; t30 += b * q7[2]; t31 += b * q7[3];
  }
  if (column >= c4) { return; }
  var o = (group.z * params.k + row) * c4 + column;
  for (var i = row; i < min(row + 32u, params.k); i += 4u) {
    partial[o] = t0;
    partial[o + c4] = t1;
    partial[o + 2u * c4] = t2;
    partial[o + 3u * c4] = t3;
    o += params.c;
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
    t12 = t16; t13 = t17; t14 = t18; t15 = t19;
    t16 = t20; t17 = t21; t18 = t22; t19 = t23;
    t20 = t24; t21 = t25; t22 = t26; t23 = t27;
    t24 = t28; t25 = t29; t26 = t30; t27 = t31;
  }
}
