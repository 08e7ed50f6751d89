// conv2d, lanes family, any number of channels: the first layer of a network (c = 3) and the last (k = 1). See conv2d.lanes.wgsl, whose
// buffers, tiling, phases and slices these are, with every load a single float.
//
// forward          grid: ceil(n p q / 16), ceil(k / 32), 1
// backward_x       grid: ceil(n ceil(h / stride.x) ceil(w / stride.y) / 16), stride.x stride.y, ceil(c / 32)
// backward_weight  grid: ceil(k / 16), ceil(r s c / 32), slices
//
// A lane's four columns lie eight apart. Those of backward_weight are elements of the flattened (r, s, c), each with a tap of its own, so
// that three channels still fill the tile.

enable subgroups;

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

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let lane = id.x;
  let m = params.batch * params.output.x * params.output.y;
  let row = group.x * 16u;
  let p0 = pixel(min(row + lane, m - 1u), params.output.x, params.output.y);
  let p1 = pixel(min(row + lane + 8u, m - 1u), params.output.x, params.output.y);
  let step = params.kernel.x * params.kernel.y * params.c;
  let column = group.y * 32u + lane;
  let columns = min(vec4u(column, column + 8u, column + 16u, column + 24u), vec4u(params.k - 1u));
  var f = columns * step;
  let first = select(vec4f(), vec4f(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]), params.has_bias != 0u);
  var t0 = first; var t1 = first; var t2 = first; var t3 = first;
  var t4 = first; var t5 = first; var t6 = first; var t7 = first;
  var t8 = first; var t9 = first; var t10 = first; var t11 = first;
  var t12 = first; var t13 = first; var t14 = first; var t15 = first;
  for (var r = 0u; r < params.kernel.x; r++) {
    let y0 = p0.y * params.stride.x + r * params.dilation.x - params.padding.x;
    let y1 = p1.y * params.stride.x + r * params.dilation.x - params.padding.x;
    for (var s = 0u; s < params.kernel.y; s++) {
      let x0 = p0.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let x1 = p1.x * params.stride.y + s * params.dilation.y - params.padding.y;
      let in0 = y0 < params.input.x && x0 < params.input.y;
      let in1 = y1 < params.input.x && x1 < params.input.y;
      let i0 = select(0u, ((p0.n * params.input.x + y0) * params.input.y + x0) * params.c, in0);
      let i1 = select(0u, ((p1.n * params.input.x + y1) * params.input.y + x1) * params.c, in1);
      for (var i = 0u; i < params.c; i++) {
        let a0 = select(0.0, x[i0 + i], in0);
        let a1 = select(0.0, x[i1 + i], in1);
        let b = vec4f(w[f.x], w[f.y], w[f.z], w[f.w]);
        f += 1u;
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
  var o = row * params.k + column;
  for (var i = row; i < min(row + 16u, m); i++) {
    if (column < params.k)       { y[o] = t0.x; }
    if (column + 8u < params.k)  { y[o + 8u] = t0.y; }
    if (column + 16u < params.k) { y[o + 16u] = t0.z; }
    if (column + 24u < params.k) { y[o + 24u] = t0.w; }
    o += params.k;
    t0 = t1; t1 = t2; t2 = t3; t3 = t4;
    t4 = t5; t5 = t6; t6 = t7; t7 = t8;
    t8 = t9; t9 = t10; t10 = t11; t11 = t12;
    t12 = t13; t13 = t14; t14 = t15;
  }
}

@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

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
  let p0 = pixel(min(row + lane, m - 1u), height, width);
  let p1 = pixel(min(row + lane + 8u, m - 1u), height, width);
  let step = params.kernel.x * params.kernel.y * params.c;
  let column = group.z * 32u + lane;
  let columns = min(vec4u(column, column + 8u, column + 16u, column + 24u), vec4u(params.c - 1u));
  let first = select(vec4f(), vec4f(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]), params.has_bias != 0u);
  var t0 = first; var t1 = first; var t2 = first; var t3 = first;
  var t4 = first; var t5 = first; var t6 = first; var t7 = first;
  var t8 = first; var t9 = first; var t10 = first; var t11 = first;
  var t12 = first; var t13 = first; var t14 = first; var t15 = first;
  for (var r = 0u; r < params.kernel.x; r++) {
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
      let i0 = select(0u, ((p0.n * params.output.x + y0) * params.output.y + x0) * params.k, in0);
      let i1 = select(0u, ((p1.n * params.output.x + y1) * params.output.y + x1) * params.k, in1);
      var f = (r * params.kernel.y + s) * params.c + columns;
      for (var i = 0u; i < params.k; i++) {
        let a0 = select(0.0, dy[i0 + i], in0);
        let a1 = select(0.0, dy[i1 + i], in1);
        let b = vec4f(w[f.x], w[f.y], w[f.z], w[f.w]);
        f += step;
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
  let o0 = ((p0.n * params.input.x + p0.y * params.stride.x + phase_y) * params.input.y + p0.x * params.stride.y + phase_x) * params.c;
  let o1 = ((p1.n * params.input.x + p1.y * params.stride.x + phase_y) * params.input.y + p1.x * params.stride.y + phase_x) * params.c;
  for (var i = row; i < min(row + 16u, m); i++) {
    let o = subgroupShuffle(select(o1, o0, i < row + 8u), i & 7u) + column;
    if (column < params.c)       { dx[o] = t0.x; }
    if (column + 8u < params.c)  { dx[o + 8u] = t0.y; }
    if (column + 16u < params.c) { dx[o + 16u] = t0.z; }
    if (column + 24u < params.c) { dx[o + 24u] = t0.w; }
    t0 = t1; t1 = t2; t2 = t3; t3 = t4;
    t4 = t5; t5 = t6; t6 = t7; t7 = t8;
    t8 = t9; t9 = t10; t10 = t11; t11 = t12;
    t12 = t13; t13 = t14; t14 = t15;
  }
}

@group(0) @binding(7) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward_weight(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let lane = id.x;
  let m = params.batch * params.output.x * params.output.y;
  let size = params.kernel.x * params.kernel.y * params.c;
  let column = group.y * 32u + lane;
  let columns = min(vec4u(column, column + 8u, column + 16u, column + 24u), vec4u(size - 1u));
  let taps = columns / params.c;
  let channels = columns % params.c;
  let up = taps / params.kernel.y * params.dilation.x - params.padding.x;
  let left = taps % params.kernel.y * params.dilation.y - params.padding.y;
  let row = group.x * 16u;
  let k0 = min(row + lane, params.k - 1u);
  let k1 = min(row + lane + 8u, params.k - 1u);
  let slice = (m + groups.z - 1u) / groups.z;
  let begin = group.z * slice;
  let end = min(begin + slice, m);
  var t0 = vec4f(); var t1 = vec4f(); var t2 = vec4f(); var t3 = vec4f();
  var t4 = vec4f(); var t5 = vec4f(); var t6 = vec4f(); var t7 = vec4f();
  var t8 = vec4f(); var t9 = vec4f(); var t10 = vec4f(); var t11 = vec4f();
  var t12 = vec4f(); var t13 = vec4f(); var t14 = vec4f(); var t15 = vec4f();
  for (var i = begin; i < end; i++) {
    let pq = pixel(i, params.output.x, params.output.y);
    let ys = pq.y * params.stride.x + up;
    let xs = pq.x * params.stride.y + left;
    let inside = (ys < vec4u(params.input.x)) & (xs < vec4u(params.input.y));
    let j = select(vec4u(), ((pq.n * params.input.x + ys) * params.input.y + xs) * params.c + channels, inside);
    let b = select(vec4f(), vec4f(x[j.x], x[j.y], x[j.z], x[j.w]), inside);
    let a0 = dy[i * params.k + k0];
    let a1 = dy[i * params.k + k1];
    t0 += b * subgroupShuffle(a0, 0u); t1 += b * subgroupShuffle(a0, 1u);
    t2 += b * subgroupShuffle(a0, 2u); t3 += b * subgroupShuffle(a0, 3u);
    t4 += b * subgroupShuffle(a0, 4u); t5 += b * subgroupShuffle(a0, 5u);
    t6 += b * subgroupShuffle(a0, 6u); t7 += b * subgroupShuffle(a0, 7u);
    t8 += b * subgroupShuffle(a1, 0u); t9 += b * subgroupShuffle(a1, 1u);
    t10 += b * subgroupShuffle(a1, 2u); t11 += b * subgroupShuffle(a1, 3u);
    t12 += b * subgroupShuffle(a1, 4u); t13 += b * subgroupShuffle(a1, 5u);
    t14 += b * subgroupShuffle(a1, 6u); t15 += b * subgroupShuffle(a1, 7u);
  }
  var o = (group.z * params.k + row) * size + column;
  for (var i = row; i < min(row + 16u, params.k); i++) {
    if (column < size)       { partial[o] = t0.x; }
    if (column + 8u < size)  { partial[o + 8u] = t0.y; }
    if (column + 16u < size) { partial[o + 16u] = t0.z; }
    if (column + 24u < size) { partial[o + 24u] = t0.w; }
    o += size;
    t0 = t1; t1 = t2; t2 = t3; t3 = t4;
    t4 = t5; t5 = t6; t6 = t7; t7 = t8;
    t8 = t9; t9 = t10; t10 = t11; t11 = t12;
    t12 = t13; t13 = t14; t14 = t15;
  }
}
