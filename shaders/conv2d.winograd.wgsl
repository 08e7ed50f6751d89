// conv2d: the family for 3x3 filters at stride 1, by Winograd's method, 2x2 results at a time. A. Lavin, S. Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015; the points are 0, +-1 and infinity. 16 products instead of 36.
//
//   y = A'[(G w G') * (B' x B)] A       dw = G'[(A dy A') * (B' x B)] G     in each tile; * multiplies entry by entry
//
// Summed over channels (dw: over tiles), each of the 16 entries is a matrix product of its own: conv2d.winograd-lanes.wgsl, or any matmul.
// `backward_x` is `forward` over dy with the filters turned by 180 degrees (flip), and what they read and write exchanged.
//
// inputs           reads x[n,h,w,c], w[k,3,3,c],   writes v[16,n th tw,c] = B' x B, u[16,k,c] = G w G'
//                  with flip: x[n,h,w,c] is dy, w[c,3,3,k], u[16,c,k]
// result           reads m[16,n th tw,k], bias[k], writes y[n,p,q,k] = A' m A + bias
// gradients        reads x, dy[n,p,q,k],           writes v, e[16,n th tw,k] = A dy A'
// weight_gradient  reads m[slices,16,k,c],         writes dw[k,3,3,c] = G' m G, m summed over the slices in order
//
// c and k are multiples of four; th x tw tiles of 2x2 cover the result. A tile reads 4x4 of x, from (-top, -left) on.
//
// A thread does one tile of four channels: a column at a time into registers that move up by one, then a line at a time out of
// them. In one piece it would be too much code for a software driver; hence also loops that count from a run-time value, which it
// does not unroll. In `inputs` and `gradients` a thread does one of each kind, or where one kind runs out, finds its loops empty.

override WORKGROUP: u32 = 64;

struct Params {
  size: vec2u,      // h, w
  result: vec2u,    // p, q
  tiles: vec2u,     // th, tw
  padding: vec2u,   // top, left; below zero they wrap round
  batch: u32,
  c: u32,
  k: u32,
  flip: u32,
  has_bias: u32,
  slices: u32,
}

struct Two { t0: vec4f, t1: vec4f }
struct Three { t0: vec4f, t1: vec4f, t2: vec4f }
struct Four { t0: vec4f, t1: vec4f, t2: vec4f, t3: vec4f }

// B' d
fn of_image(d: Four) -> Four {
  return Four(d.t0 - d.t2, d.t1 + d.t2, d.t2 - d.t1, d.t3 - d.t1);
}

// G g
fn of_weight(g: Three) -> Four {
  let p = 0.5 * (g.t0 + g.t2);
  let q = 0.5 * g.t1;
  return Four(g.t0, p + q, p - q, g.t2);
}

// A' m
fn to_result(m: Four) -> Two {
  return Two(m.t0 + m.t1 + m.t2, m.t1 - m.t2 + m.t3);
}

// A e
fn of_gradient(e: Two) -> Four {
  return Four(e.t0, e.t0 + e.t1, e.t0 - e.t1, e.t1);
}

// G' m
fn to_weight(m: Four) -> Three {
  let p = 0.5 * (m.t1 + m.t2);
  return Three(m.t0 + p, 0.5 * (m.t1 - m.t2), p + m.t3);
}

fn up2(l: Two) -> Two { return Two(l.t1, l.t0); }
fn up3(l: Three) -> Three { return Three(l.t1, l.t2, l.t0); }
fn up4(l: Four) -> Four { return Four(l.t1, l.t2, l.t3, l.t0); }

/** Where a tile begins in the result, and its four channels. */
struct Place { n: u32, y: u32, x: u32, quad: u32 }

@group(0) @binding(0) var<uniform> params: Params;

fn place(i: u32, quads: u32) -> Place {
  let tile = i / quads;
  let line = tile / params.tiles.y;
  let n = line / params.tiles.x;
  return Place(n, (line - n * params.tiles.x) * 2u, (tile - line * params.tiles.y) * 2u, i - tile * quads);
}

fn tiles() -> u32 {
  return params.batch * params.tiles.x * params.tiles.y;
}

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> u: array<vec4f>;

fn pixel(p: Place, row: u32, column: u32) -> vec4f {
  // above or left of x these wrap round to huge numbers, so one comparison finds both ends
  let inside = row < params.size.x && column < params.size.y;
  let at = select(0u, ((p.n * params.size.x + row) * params.size.y + column) * (params.c / 4u) + p.quad, inside);
  return select(vec4f(), x[at], inside);
}

@compute @workgroup_size(WORKGROUP)
fn inputs(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let n = tiles() * (params.c / 4u);
  let p = place(i, params.c / 4u);
  let first = p.y - params.padding.x;
  var c0: Four; var c1: Four; var c2: Four; var c3: Four;
  for (var at = p.x; at < p.x + select(0u, 4u, i < n); at++) {
    let s = at - params.padding.y;
    c0 = c1; c1 = c2; c2 = c3;
    c3 = of_image(Four(pixel(p, first, s), pixel(p, first + 1u, s), pixel(p, first + 2u, s),
      pixel(p, first + 3u, s)));
  }
  for (var o = i; o < select(i, i + 16u * n, i < n); o += 4u * n) {
    let line = of_image(Four(c0.t0, c1.t0, c2.t0, c3.t0));
    v[o] = line.t0;
    v[o + n] = line.t1;
    v[o + 2u * n] = line.t2;
    v[o + 3u * n] = line.t3;
    c0 = up4(c0); c1 = up4(c1); c2 = up4(c2); c3 = up4(c3);
  }

  let flip = params.flip != 0u;
  let quads = select(params.c, params.k, flip) / 4u;
  let filters = select(params.k, params.c, flip) * quads;
  let begin = i / quads * 9u * quads + i % quads;
  var g0: Four; var g1: Four; var g2: Four;
  for (var at = begin; at < select(begin, begin + 3u * quads, i < filters); at += quads) {
    // column after column; turned round, the last comes first
    let s = select(at, 2u * (begin + quads) - at, flip);
    let down = select(0u, 6u * quads, flip);
    g0 = g1; g1 = g2;
    g2 = of_weight(Three(w[s + down], w[s + 3u * quads], w[s + 6u * quads - down]));
  }
  for (var o = i; o < select(i, i + 16u * filters, i < filters); o += 4u * filters) {
    let line = of_weight(Three(g0.t0, g1.t0, g2.t0));
    u[o] = line.t0;
    u[o + filters] = line.t1;
    u[o + 2u * filters] = line.t2;
    u[o + 3u * filters] = line.t3;
    g0 = up4(g0); g1 = up4(g1); g2 = up4(g2);
  }
}

@group(0) @binding(1) var<storage, read> m: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn result(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let quads = params.k / 4u;
  let n = tiles() * quads;
  if (i >= n) { return; }
  let p = place(i, quads);
  var r0: Two; var r1: Two; var r2: Two; var r3: Two;
  for (var at = i; at < i + 16u * n; at += 4u * n) {
    r0 = r1; r1 = r2; r2 = r3;
    r3 = to_result(Four(m[at], m[at + n], m[at + 2u * n], m[at + 3u * n]));
  }
  let first = select(vec4f(), bias[p.quad], params.has_bias != 0u);
  let below = params.result.x - p.y;
  let line = params.result.y * quads;
  for (var at = p.x; at < min(p.x + 2u, params.result.y); at++) {
    let column = to_result(Four(r0.t0, r1.t0, r2.t0, r3.t0));
    let o = ((p.n * params.result.x + p.y) * params.result.y + at) * quads + p.quad;
    y[o] = column.t0 + first;
    if (below > 1u) { y[o + line] = column.t1 + first; }
    r0 = up2(r0); r1 = up2(r1); r2 = up2(r2); r3 = up2(r3);
  }
}

@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> e: array<vec4f>;

fn slope(p: Place, row: u32, column: u32) -> vec4f {
  let inside = row < params.result.x && column < params.result.y;
  let at = select(0u, ((p.n * params.result.x + row) * params.result.y + column) * (params.k / 4u) + p.quad, inside);
  return select(vec4f(), dy[at], inside);
}

@compute @workgroup_size(WORKGROUP)
fn gradients(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let n = tiles() * (params.c / 4u);
  let p = place(i, params.c / 4u);
  let first = p.y - params.padding.x;
  var c0: Four; var c1: Four; var c2: Four; var c3: Four;
  for (var at = p.x; at < p.x + select(0u, 4u, i < n); at++) {
    let s = at - params.padding.y;
    c0 = c1; c1 = c2; c2 = c3;
    c3 = of_image(Four(pixel(p, first, s), pixel(p, first + 1u, s), pixel(p, first + 2u, s),
      pixel(p, first + 3u, s)));
  }
  for (var o = i; o < select(i, i + 16u * n, i < n); o += 4u * n) {
    let line = of_image(Four(c0.t0, c1.t0, c2.t0, c3.t0));
    v[o] = line.t0;
    v[o + n] = line.t1;
    v[o + 2u * n] = line.t2;
    v[o + 3u * n] = line.t3;
    c0 = up4(c0); c1 = up4(c1); c2 = up4(c2); c3 = up4(c3);
  }

  let slopes = tiles() * (params.k / 4u);
  let at = place(min(i, slopes - 1u), params.k / 4u);
  var g0 = of_gradient(Two(slope(at, at.y, at.x), slope(at, at.y + 1u, at.x)));
  var g1 = of_gradient(Two(slope(at, at.y, at.x + 1u), slope(at, at.y + 1u, at.x + 1u)));
  for (var o = i; o < select(i, i + 16u * slopes, i < slopes); o += 4u * slopes) {
    let line = of_gradient(Two(g0.t0, g1.t0));
    e[o] = line.t0;
    e[o + slopes] = line.t1;
    e[o + 2u * slopes] = line.t2;
    e[o + 3u * slopes] = line.t3;
    g0 = up4(g0); g1 = up4(g1);
  }
}

@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;

fn sum_of_slices(at: u32, stride: u32) -> vec4f {
  var sum = vec4f();
  for (var slice = 0u; slice < params.slices; slice++) { sum += m[at + slice * stride]; }
  return sum;
}

@compute @workgroup_size(WORKGROUP)
fn weight_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let quads = params.c / 4u;
  let n = params.k * quads;
  if (i >= n) { return; }
  var r0: Three; var r1: Three; var r2: Three; var r3: Three;
  for (var at = i; at < i + 16u * n; at += 4u * n) {
    r0 = r1; r1 = r2; r2 = r3;
    r3 = to_weight(Four(sum_of_slices(at, 16u * n), sum_of_slices(at + n, 16u * n), sum_of_slices(at + 2u * n, 16u * n), sum_of_slices(at + 3u * n, 16u * n)));
  }
  let begin = i / quads * 9u * quads + i % quads;
  for (var o = begin; o < begin + 3u * quads; o += quads) {
    let column = to_weight(Four(r0.t0, r1.t0, r2.t0, r3.t0));
    dw[o] = column.t0;
    dw[o + 3u * quads] = column.t1;
    dw[o + 6u * quads] = column.t2;
    r0 = up3(r0); r1 = up3(r1); r2 = up3(r2); r3 = up3(r3);
  }
}
