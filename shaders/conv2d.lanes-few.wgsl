// conv2d, lanes family, few pixels: forward and backward_x of conv2d.lanes.wgsl with 16 rows in a tile instead of 32. For convolutions
// whose pixels would leave much of the last tile empty, such as the 2 x 2 images at the end of a ResNet. All else is the same.
//
// forward     grid: ceil(n p q / 16), ceil(k / 32), 1
// backward_x  grid: ceil(n ceil(h / stride.x) ceil(w / stride.y) / 16), stride.x stride.y, ceil(c / 32)

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

// Row m of the results.
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
  let row = group.x * 16u;
  let p0 = row_pixel(min(row + lane, m - 1u), params.output.x, params.output.y);
  let p1 = row_pixel(min(row + lane + 8u, m - 1u), params.output.x, params.output.y);
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
  for (var r = 0u; r < params.kernel.x; r++) {
    // above or left of x these wrap round to huge numbers, so one comparison finds both ends
    let y0 = p0.y * params.stride.x + r * params.dilation.x - params.padding.x;
    let y1 = p1.y * params.stride.x + r * params.dilation.x - params.padding.x;
    for (var s = 0u; s < params.kernel.y; s++) {
      let x0 = p0.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let x1 = p1.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let in0 = y0 < params.input.x && x0 < params.input.y;
      let in1 = y1 < params.input.x && x1 < params.input.y;
      if (!subgroupAny(in0 || in1)) { continue; }
      let i0 = select(0u, ((p0.n * params.input.x + y0) * params.input.y + x0) * c4, in0);
      let i1 = select(0u, ((p1.n * params.input.x + y1) * params.input.y + x1) * c4, in1);
      var f = filters + (r * params.kernel.y + s) * c4;
      for (var i = 0u; i < c4; i++) {
        let a0 = select(vec4f(), x_at(i0 + i), in0);
        let a1 = select(vec4f(), x_at(i1 + i), in1);
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
      }
    }
  }
  // where the rows of this lane lie in y; row i asks lane i
  var o0 = ((p0.n * params.output.x + p0.y) * params.output.y + p0.x) * (params.k / 4u);
  var o1 = ((p1.n * params.output.x + p1.y) * params.output.y + p1.x) * (params.k / 4u);
  let inside = column < params.k / 4u;
  for (var i = row; i < row + 16u; i += 4u) {
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
    if ((i & 4u) != 0u) { o0 = o1; }
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
  let row = group.x * 16u;
  if (row >= m) { return; }
  let p0 = row_pixel(min(row + lane, m - 1u), height, width);
  let p1 = row_pixel(min(row + lane + 8u, m - 1u), height, width);
  let c4 = params.c / 4u;
  let k4 = params.k / 4u;
  let step = params.kernel.x * params.kernel.y * c4;
  let column = group.z * 8u + lane;
  let first = select(vec4f(), bias[min(column, c4 - 1u)], params.has_bias != 0u);
  var t0 = first; var t1 = first; var t2 = first; var t3 = first;
  var t4 = first; var t5 = first; var t6 = first; var t7 = first;
  var t8 = first; var t9 = first; var t10 = first; var t11 = first;
  var t12 = first; var t13 = first; var t14 = first; var t15 = first;
  for (var r = 0u; r < params.kernel.x; r++) {
    // tap r sends input line phase + stride*i to output line i + up/stride, if the stride divides up
    let up = i32(phase_y + params.padding.x) - i32(r * params.dilation.x);
    if (up % i32(params.stride.x) != 0) { continue; }
    let y0 = p0.y + u32(up / i32(params.stride.x));
    let y1 = p1.y + u32(up / i32(params.stride.x));
    for (var s = 0u; s < params.kernel.y; s++) {
      let left = i32(phase_x + params.padding.y) - i32(s * params.dilation.y);
      if (left % i32(params.stride.y) != 0) { continue; }
      let x0 = p0.x + u32(left / i32(params.stride.y));
      let x1 = p1.x + u32(left / i32(params.stride.y));
      let in0 = y0 < params.output.x && x0 < params.output.y;
      let in1 = y1 < params.output.x && x1 < params.output.y;
      if (!subgroupAny(in0 || in1)) { continue; }
      let i0 = select(0u, ((p0.n * params.output.x + y0) * params.output.y + x0) * k4, in0);
      let i1 = select(0u, ((p1.n * params.output.x + y1) * params.output.y + x1) * k4, in1);
      var f = (r * params.kernel.y + s) * c4 + min(column, c4 - 1u);
      for (var i = 0u; i < k4; i++) {
        let a0 = select(vec4f(), dy_at(i0 + i), in0);
        let a1 = select(vec4f(), dy_at(i1 + i), in1);
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
      }
    }
  }
  // where the rows of this lane lie in dx; row i asks lane i
  var o0 = ((p0.n * params.input.x + p0.y * params.stride.x + phase_y) * params.input.y + p0.x * params.stride.y + phase_x) * c4;
  var o1 = ((p1.n * params.input.x + p1.y * params.stride.x + phase_y) * params.input.y + p1.x * params.stride.y + phase_x) * c4;
  let inside = column < c4;
  for (var i = row; i < row + 16u; i += 4u) {
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
    if ((i & 4u) != 0u) { o0 = o1; }
  }
}
