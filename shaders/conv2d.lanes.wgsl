// conv2d: the family for a software driver whose SIMD lanes are a subgroup of eight (lavapipe). See conv2d.wgsl for the formula.
// One group, c and k multiples of four, fewer than 2^20 pixels, subgroup size exactly 8.
//
// forward          reads x[n,h,w,c], w[k,r,s,c], bias[k], writes y[n,p,q,k]
//                  grid: ceil(n p q / 32), ceil(k / 32), 1
// backward_x       reads dy[n,p,q,k], w, bias[c],         writes dx[n,h,w,c]
//                  grid: ceil(n ceil(h / stride.x) ceil(w / stride.y) / 32), stride.x stride.y, ceil(c / 32)
// backward_weight  reads x, dy,                           writes partial[slices,k,r,s,c]
//                  grid: ceil(k / 32), r s ceil(c / 32), slices
//
// Each slice sums as many output pixels; sum-slices.wgsl adds the slices. With one slice, partial is the gradient.
//
// Tiling: a workgroup is one subgroup and owns 32 rows x 32 columns, a lane four adjacent columns. Rows are output pixels (forward), input
// pixels (backward_x), output channels (backward_weight). A lane loads a vec4 of four rows of its own, which shuffles by a constant hand to
// all lanes, and four vec4 of its columns: 8 loads for 512 multiply-adds. The driver spends 40 instructions a lane on a vec4 load (it tests
// mask and bounds for every element) and two on a multiply-add, so a tall tile pays until its code outgrows the micro-op cache: 8 rows
// run at 0.65 of this speed, 16 at 0.88 (conv2d.lanes-few.wgsl, for few pixels), 40 at 0.5.
// Nothing is packed: w is read in its own layout in all three directions.
//
// backward_x sorts input pixels by their remainder modulo the stride (group.y): those of one phase meet the same taps, so no product
// with an inserted zero is formed, and a phase without taps just writes the bias. Phases differ in work, and the driver deals each of its
// threads one run of workgroups, so they come before the columns, which do not.
//
// Twins read operands from images: .images both, .image x forward and dy backward, where w is read too seldom to be worth a copy. Of a
// texel the driver spends 15 instructions a lane instead of 40: it tests coordinates for all lanes at once, fetches 16 bytes and transposes
// them in registers.
//
// A tap in the padding for all rows of a tile is skipped. Where images are small rows go by place and then by image (by_place), so that this is
// often so: of nine taps the pixels of a 2 x 2 image meet four.
//
// Otherwise padding and ragged ends read some valid address and put 0 in its place: no lane ever leaves the loop early. Workgroup memory or a barrier
// anywhere in this file would make the driver run every entry point as coroutines, ten times slower. The loops that store count from
// `row` because the driver would unroll one with a constant count, and take three times as long to compile.

enable subgroups;

// A workgroup is one subgroup, so what subgroupAny says is the same for all that shuffle.
diagnostic(off, subgroup_uniformity);

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 8;

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
  by_place: u32,     // whether pixels, as rows of results, are sorted by place and then by image
  // of images, whose rows have a power of two texels: that less one, and its logarithm
  x_row: vec2u,
  w_row: vec2u,
  dy_row: vec2u,
}

struct Pixel { n: u32, y: u32, x: u32 }

@group(0) @binding(0) var<uniform> params: Params;

// u / v for u below 2^20: (u + 0.5) / v is never closer to an integer than the rounding of the product.
fn divide(u: u32, inverse: f32) -> u32 {
  return u32((f32(u) + 0.5) * inverse);
}

fn pixel(m: u32, height: u32, width: u32) -> Pixel {
  let line = divide(m, 1.0 / f32(width));
  let n = divide(line, 1.0 / f32(height));
  return Pixel(n, line - n * height, m - line * width);
}

// Row m of forward's and backward_x's results.
fn row_pixel(m: u32, height: u32, width: u32) -> Pixel {
  if (params.by_place == 0u) { return pixel(m, height, width); }
  let place = divide(m, 1.0 / f32(params.batch));
  let line = divide(place, 1.0 / f32(width));
  return Pixel(m - place * params.batch, line, place - line * width);
}

@group(0) @binding(1) var<storage, read> x: array<stored>; // .images: @group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // .image: @group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn x_at(i: u32) -> vec4f { return wide(x[i]); } // .images: fn x_at(i: u32) -> vec4f { return textureLoad(x, vec2u(i & params.x_row.x, i >> params.x_row.y)); }
// .image: fn x_at(i: u32) -> vec4f { return textureLoad(x, vec2u(i & params.x_row.x, i >> params.x_row.y)); }
@group(0) @binding(2) var<storage, read> w: array<stored>; // .images: @group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
fn w_at(i: u32) -> vec4f { return wide(w[i]); } // .images: fn w_at(i: u32) -> vec4f { return textureLoad(w, vec2u(i & params.w_row.x, i >> params.w_row.y)); }
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let lane = id.x;
  let m = params.batch * params.output.x * params.output.y;
  let row = group.x * 32u;
  let p0 = row_pixel(min(row + lane, m - 1u), params.output.x, params.output.y);
  let p1 = row_pixel(min(row + lane + 8u, m - 1u), params.output.x, params.output.y);
  let p2 = row_pixel(min(row + lane + 16u, m - 1u), params.output.x, params.output.y);
  let p3 = row_pixel(min(row + lane + 24u, m - 1u), params.output.x, params.output.y);
  let c4 = params.c / 4u;
  let step = params.kernel.x * params.kernel.y * c4;
  let column = group.y * 8u + lane;
  let last = params.k / 4u - 1u;
  let filters = min(column, last) * 4u * step;
  let first = select(vec4f(), bias[min(column, last)], params.has_bias != 0u);
  var t0 = first; var t1 = first; var t2 = first; var t3 = first;
  var t4 = first; var t5 = first; var t6 = first; var t7 = first;
  var t8 = first; var t9 = first; var t10 = first; var t11 = first;
  var t12 = first; var t13 = first; var t14 = first; var t15 = first;
  var t16 = first; var t17 = first; var t18 = first; var t19 = first;
  var t20 = first; var t21 = first; var t22 = first; var t23 = first;
  var t24 = first; var t25 = first; var t26 = first; var t27 = first;
  var t28 = first; var t29 = first; var t30 = first; var t31 = first;
  for (var r = 0u; r < params.kernel.x; r++) {
    // above or left of x these wrap round to huge numbers, so one comparison finds both ends
    let y0 = p0.y * params.stride.x + r * params.dilation.x - params.padding.x;
    let y1 = p1.y * params.stride.x + r * params.dilation.x - params.padding.x;
    let y2 = p2.y * params.stride.x + r * params.dilation.x - params.padding.x;
    let y3 = p3.y * params.stride.x + r * params.dilation.x - params.padding.x;
    for (var s = 0u; s < params.kernel.y; s++) {
      let x0 = p0.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let x1 = p1.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let x2 = p2.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let x3 = p3.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let in0 = y0 < params.input.x && x0 < params.input.y;
      let in1 = y1 < params.input.x && x1 < params.input.y;
      let in2 = y2 < params.input.x && x2 < params.input.y;
      let in3 = y3 < params.input.x && x3 < params.input.y;
      if (!subgroupAny(in0 || in1 || in2 || in3)) { continue; }
      let i0 = select(0u, ((p0.n * params.input.x + y0) * params.input.y + x0) * c4, in0);
      let i1 = select(0u, ((p1.n * params.input.x + y1) * params.input.y + x1) * c4, in1);
      let i2 = select(0u, ((p2.n * params.input.x + y2) * params.input.y + x2) * c4, in2);
      let i3 = select(0u, ((p3.n * params.input.x + y3) * params.input.y + x3) * c4, in3);
      var f = filters + (r * params.kernel.y + s) * c4;
      for (var i = 0u; i < c4; i++) {
        let a0 = select(vec4f(), x_at(i0 + i), in0);
        let a1 = select(vec4f(), x_at(i1 + i), in1);
        let a2 = select(vec4f(), x_at(i2 + i), in2);
        let a3 = select(vec4f(), x_at(i3 + i), in3);
        let b = mat4x4f(w_at(f), w_at(f + step), w_at(f + 2u * step), w_at(f + 3u * step));
        f++;
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
    }
  }
  // where the rows of this lane lie in y; row i asks lane i
  var o0 = ((p0.n * params.output.x + p0.y) * params.output.y + p0.x) * (params.k / 4u);
  var o1 = ((p1.n * params.output.x + p1.y) * params.output.y + p1.x) * (params.k / 4u);
  var o2 = ((p2.n * params.output.x + p2.y) * params.output.y + p2.x) * (params.k / 4u);
  var o3 = ((p3.n * params.output.x + p3.y) * params.output.y + p3.x) * (params.k / 4u);
  let inside = column < params.k / 4u;
  for (var i = row; i < row + 32u; i += 4u) {
    let d0 = subgroupShuffle(o0, (i & 4u) + 0u) + column;
    let d1 = subgroupShuffle(o0, (i & 4u) + 1u) + column;
    let d2 = subgroupShuffle(o0, (i & 4u) + 2u) + column;
    let d3 = subgroupShuffle(o0, (i & 4u) + 3u) + column;
    if (inside && i + 0u < m) { y[d0] = narrow(t0); }
    if (inside && i + 1u < m) { y[d1] = narrow(t1); }
    if (inside && i + 2u < m) { y[d2] = narrow(t2); }
    if (inside && i + 3u < m) { y[d3] = narrow(t3); }
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
    t12 = t16; t13 = t17; t14 = t18; t15 = t19;
    t16 = t20; t17 = t21; t18 = t22; t19 = t23;
    t20 = t24; t21 = t25; t22 = t26; t23 = t27;
    t24 = t28; t25 = t29; t26 = t30; t27 = t31;
    if ((i & 4u) != 0u) { o0 = o1; o1 = o2; o2 = o3; }
  }
}

@group(0) @binding(5) var<storage, read> dy: array<stored>; // .images: @group(0) @binding(5) var dy: texture_storage_2d<rgba32float, read>; // .image: @group(0) @binding(5) var dy: texture_storage_2d<rgba32float, read>;
fn dy_at(i: u32) -> vec4f { return wide(dy[i]); } // .images: fn dy_at(i: u32) -> vec4f { return textureLoad(dy, vec2u(i & params.dy_row.x, i >> params.dy_row.y)); }
// .image: fn dy_at(i: u32) -> vec4f { return textureLoad(dy, vec2u(i & params.dy_row.x, i >> params.dy_row.y)); }
@group(0) @binding(6) var<storage, read_write> dx: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward_x(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let lane = id.x;
  let phase_y = group.y / params.stride.y;
  let phase_x = group.y % params.stride.y;
  if (phase_y >= params.input.x || phase_x >= params.input.y) { return; }
  let height = (params.input.x - phase_y + params.stride.x - 1u) / params.stride.x;
  let width = (params.input.y - phase_x + params.stride.y - 1u) / params.stride.y;
  let m = params.batch * height * width;
  let row = group.x * 32u;
  if (row >= m) { return; }
  let p0 = row_pixel(min(row + lane, m - 1u), height, width);
  let p1 = row_pixel(min(row + lane + 8u, m - 1u), height, width);
  let p2 = row_pixel(min(row + lane + 16u, m - 1u), height, width);
  let p3 = row_pixel(min(row + lane + 24u, m - 1u), height, width);
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let step = params.kernel.x * params.kernel.y * c4;
  let column = group.z * 8u + lane;
  let first = select(vec4f(), bias[min(column, c4 - 1u)], params.has_bias != 0u);
  var t0 = first; var t1 = first; var t2 = first; var t3 = first;
  var t4 = first; var t5 = first; var t6 = first; var t7 = first;
  var t8 = first; var t9 = first; var t10 = first; var t11 = first;
  var t12 = first; var t13 = first; var t14 = first; var t15 = first;
  var t16 = first; var t17 = first; var t18 = first; var t19 = first;
  var t20 = first; var t21 = first; var t22 = first; var t23 = first;
  var t24 = first; var t25 = first; var t26 = first; var t27 = first;
  var t28 = first; var t29 = first; var t30 = first; var t31 = first;
  for (var r = 0u; r < params.kernel.x; r++) {
    // tap r sends input line phase + stride*i to output line i + up/stride, if the stride divides up
    let up = i32(phase_y + params.padding.x) - i32(r * params.dilation.x);
    if (up % i32(params.stride.x) != 0) { continue; }
    let y0 = p0.y + u32(up / i32(params.stride.x));
    let y1 = p1.y + u32(up / i32(params.stride.x));
    let y2 = p2.y + u32(up / i32(params.stride.x));
    let y3 = p3.y + u32(up / i32(params.stride.x));
    for (var s = 0u; s < params.kernel.y; s++) {
      let left = i32(phase_x + params.padding.y) - i32(s * params.dilation.y);
      if (left % i32(params.stride.y) != 0) { continue; }
      let x0 = p0.x + u32(left / i32(params.stride.y));
      let x1 = p1.x + u32(left / i32(params.stride.y));
      let x2 = p2.x + u32(left / i32(params.stride.y));
      let x3 = p3.x + u32(left / i32(params.stride.y));
      let in0 = y0 < params.output.x && x0 < params.output.y;
      let in1 = y1 < params.output.x && x1 < params.output.y;
      let in2 = y2 < params.output.x && x2 < params.output.y;
      let in3 = y3 < params.output.x && x3 < params.output.y;
      if (!subgroupAny(in0 || in1 || in2 || in3)) { continue; }
      let i0 = select(0u, ((p0.n * params.output.x + y0) * params.output.y + x0) * k4, in0);
      let i1 = select(0u, ((p1.n * params.output.x + y1) * params.output.y + x1) * k4, in1);
      let i2 = select(0u, ((p2.n * params.output.x + y2) * params.output.y + x2) * k4, in2);
      let i3 = select(0u, ((p3.n * params.output.x + y3) * params.output.y + x3) * k4, in3);
      var f = (r * params.kernel.y + s) * c4 + min(column, c4 - 1u);
      for (var i = 0u; i < k4; i++) {
        let a0 = select(vec4f(), dy_at(i0 + i), in0);
        let a1 = select(vec4f(), dy_at(i1 + i), in1);
        let a2 = select(vec4f(), dy_at(i2 + i), in2);
        let a3 = select(vec4f(), dy_at(i3 + i), in3);
        let b = mat4x4f(w_at(f), w_at(f + step), w_at(f + 2u * step), w_at(f + 3u * step));
        f += 4u * step;
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
    }
  }
  // where the rows of this lane lie in dx; row i asks lane i
  var o0 = ((p0.n * params.input.x + p0.y * params.stride.x + phase_y) * params.input.y + p0.x * params.stride.y + phase_x) * c4;
  var o1 = ((p1.n * params.input.x + p1.y * params.stride.x + phase_y) * params.input.y + p1.x * params.stride.y + phase_x) * c4;
  var o2 = ((p2.n * params.input.x + p2.y * params.stride.x + phase_y) * params.input.y + p2.x * params.stride.y + phase_x) * c4;
  var o3 = ((p3.n * params.input.x + p3.y * params.stride.x + phase_y) * params.input.y + p3.x * params.stride.y + phase_x) * c4;
  let inside = column < c4;
  for (var i = row; i < row + 32u; i += 4u) {
    let d0 = subgroupShuffle(o0, (i & 4u) + 0u) + column;
    let d1 = subgroupShuffle(o0, (i & 4u) + 1u) + column;
    let d2 = subgroupShuffle(o0, (i & 4u) + 2u) + column;
    let d3 = subgroupShuffle(o0, (i & 4u) + 3u) + column;
    if (inside && i + 0u < m) { dx[d0] = narrow(t0); }
    if (inside && i + 1u < m) { dx[d1] = narrow(t1); }
    if (inside && i + 2u < m) { dx[d2] = narrow(t2); }
    if (inside && i + 3u < m) { dx[d3] = narrow(t3); }
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
    t12 = t16; t13 = t17; t14 = t18; t15 = t19;
    t16 = t20; t17 = t21; t18 = t22; t19 = t23;
    t20 = t24; t21 = t25; t22 = t26; t23 = t27;
    t24 = t28; t25 = t29; t26 = t30; t27 = t31;
    if ((i & 4u) != 0u) { o0 = o1; o1 = o2; o2 = o3; }
  }
}

@group(0) @binding(7) var<storage, read_write> partial: array<vec4f>;

// A tap meets the pixels of x alone: those of its output pixels that would read padding are left out, 5 of 9 in images of 2 x 2.
@compute @workgroup_size(WORKGROUP) // .image: none
fn backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let lane = id.x;
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let tiles = (c4 + 7u) / 8u;
  let tap = group.y / tiles;
  let column = (group.y % tiles) * 8u + lane;
  let ci = min(column, c4 - 1u);
  let quad = min(group.x * 8u + lane, k4 - 1u);
  // output pixel p reads p * stride + shift
  let shift = vec2i(vec2u(tap / params.kernel.y, tap % params.kernel.y) * params.dilation) - vec2i(params.padding);
  let stride = vec2i(params.stride);
  let first = max((stride - 1 - shift) / stride, vec2i(0));
  let end_pixel = min((vec2i(params.input) - 1 - shift + stride) / stride, vec2i(params.output));
  let extent = vec2u(max(end_pixel - first, vec2i(0)));
  let m = params.batch * extent.x * extent.y;
  let slice = (m + 4u * groups.z - 1u) / (4u * groups.z) * 4u;
  let begin = group.z * slice;
  let end = min(begin + slice, m);
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  var t16 = vec4f(); var t17 = vec4f(); var t18 = vec4f(); var t19 = vec4f();
  var t20 = vec4f(); var t21 = vec4f(); var t22 = vec4f(); var t23 = vec4f();
  var t24 = vec4f(); var t25 = vec4f(); var t26 = vec4f(); var t27 = vec4f();
  var t28 = vec4f(); var t29 = vec4f(); var t30 = vec4f(); var t31 = vec4f();
  for (var i = begin; i < end; i += 4u) {
    // four pixels a turn, the last one again past the end: lanes work out where one each lies in x and dy, a0 to a3 are 32 channels of dy at each
    let o = pixel(min(i + (lane & 3u), end - 1u), extent.x, extent.y);
    let p = vec2i(vec2u(o.y, o.x)) + first;
    let source = vec2u(p * stride + shift);
    let at = ((o.n * params.input.x + source.x) * params.input.y + source.y) * c4;
    let j = ((o.n * params.output.x + u32(p.x)) * params.output.y + u32(p.y)) * k4;
    let a0 = dy_at(subgroupShuffle(j, 0u) + quad);
    let a1 = select(vec4f(), dy_at(subgroupShuffle(j, 1u) + quad), i + 1u < end);
    let a2 = select(vec4f(), dy_at(subgroupShuffle(j, 2u) + quad), i + 2u < end);
    let a3 = select(vec4f(), dy_at(subgroupShuffle(j, 3u) + quad), i + 3u < end);
    let b = mat4x4f(x_at(subgroupShuffle(at, 0u) + ci), x_at(subgroupShuffle(at, 1u) + ci),
                    x_at(subgroupShuffle(at, 2u) + ci), x_at(subgroupShuffle(at, 3u) + ci));
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
  let step = params.kernel.x * params.kernel.y * c4;
  let row = group.x * 32u;
  var o = (group.z * params.k + row) * step + tap * c4 + column;
  for (var i = row; i < min(row + 32u, params.k); i += 4u) {
    partial[o] = t0;
    partial[o + step] = t1;
    partial[o + 2u * step] = t2;
    partial[o + 3u * step] = t3;
    o += 4u * step;
    t0 = t4; t1 = t5; t2 = t6; t3 = t7;
    t4 = t8; t5 = t9; t6 = t10; t7 = t11;
    t8 = t12; t9 = t13; t10 = t14; t11 = t15;
    t12 = t16; t13 = t17; t14 = t18; t15 = t19;
    t16 = t20; t17 = t21; t18 = t22; t19 = t23;
    t20 = t24; t21 = t25; t22 = t26; t23 = t27;
    t24 = t28; t25 = t29; t26 = t30; t27 = t31;
  }
}
