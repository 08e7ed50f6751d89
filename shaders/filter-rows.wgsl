// filter-rows: an image as the rows of a filter see it, so that a convolution of few channels becomes one of many: of each line of the image,
// for each result along it, all that lies under a row of the filter, side by side. s is the filter's width, `taps` s c up to the next four.
//
// forward  reads x[n,h,w,c], writes y[n,lines,q,taps], y[b,i,j,t] = x[b, i - top, j stride - left + t / c, t % c] where t < s c and that
//          pixel exists, else 0
// fold     reads slices[count,filters,taps] (filters: those of all rows), writes dw[filters,s c], the sum of the slices in order, without
//          what stood for the zeros

override WORKGROUP: u32 = 64;

// n: threads, one a place of y or a number of dw; fours: vectors of taps; size: of the image, (height, width); row: s c; slice: its numbers.
struct Params { n: u32, fours: u32, size: vec2u, lines: u32, q: u32, stride: u32, top: u32, left: u32, c: u32, row: u32, slice: u32, count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let place = id.y * groups.x * WORKGROUP + id.x;
  if (place >= params.n) { return; }
  let line = place / params.q;
  let image = line / params.lines;
  // It wraps below zero, far past the image's size.
  let above = line % params.lines - params.top;
  let is_inside = above < params.size.x;
  // A line of the image is one row of numbers; the filter's begins at `start` in it, or before its beginning, which wraps too.
  let width = params.size.y * params.c;
  let start = (place % params.q) * params.stride * params.c - params.left * params.c;
  let begin = select(0u, (image * params.size.x + above) * width, is_inside);
  for (var f = 0u; f < params.fours; f++) {
    let tap = vec4u(4u * f) + vec4u(0u, 1u, 2u, 3u);
    let at = vec4u(start) + tap;
    let exists = vec4<bool>(is_inside) & (tap < vec4u(params.row)) & (at < vec4u(width));
    let i = vec4u(begin) + select(vec4u(0u), at, exists);
    y[place * params.fours + f] = select(vec4f(), vec4f(x[i.x], x[i.y], x[i.z], x[i.w]), exists);
  }
}

@group(0) @binding(1) var<storage, read> slices: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn fold(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  var at = (i / params.row) * 4u * params.fours + i % params.row;
  var total = 0.0;
  for (var s = 0u; s < params.count; s++) {
    total += slices[at];
    at += params.slice;
  }
  dw[i] = total;
}
