// conv2d: the forward pass for images of few channels (a stem: 7 x 7, stride 2, three channels) on GPUs. See conv2d.wgsl for the
// formula. One group, dilation 1, k a multiple of four.
//
// forward  reads x[n,h,w,c], w[k,r,s,c], bias[k], writes y[n,p,q,k]
//          grid: tiles of 8 x 16 pixels of all images, folded into x and y; ceil(k / 64)
//
// Three channels fill no vec4, and one tap has too few terms for a step of a matrix product. But the terms of a filter's row (s, c)
// lie side by side in w and in x alike: for three channels and seven taps, 21 floats. So a workgroup copies the patch of x that its 8 x 16 pixels
// see into workgroup memory, zeros where it leaves the image, and then for each filter row a slab of w for 64 filters. A
// thread computes 8 pixels x 8 filters: pixels of one line, every other column, so that the four threads that read different ones at
// a time meet in different banks.

override UNROLL: u32 = 1;      // 0: the inner loop's length is no constant; a driver that computes on the CPU then compiles faster
override PATCH: u32 = 2331;    // floats: (7 stride + r) lines of LINE
override LINE: u32 = 111;      // (15 stride + s) c
override SLAB: u32 = 336;      // vec4: 16 s c
override STEP: u32 = 12;       // floats from one of a thread's pixels to the next: 2 stride c

struct Params {
  input: vec2u,      // h, w
  output: vec2u,     // p, q
  kernel: vec2u,     // r, s
  stride: vec2u,
  padding: vec2u,    // top, left
  batch: u32,
  c: u32,
  k: u32,
  has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

var<workgroup> patch_x: array<f32, PATCH>;
var<workgroup> slab: array<vec4f, SLAB>;

/** Where a patch begins: lines of the images before, line, and float of the line. */
struct Corner { before: u32, top: u32, left: u32 }

/** Float i of the patch, zero outside of the image. */
fn seen(corner: Corner, i: u32) -> f32 {
  let line = corner.top + i / LINE;
  let at = corner.left + i % LINE;
  let width = params.input.y * params.c;
  let inside = line < params.input.x && at < width;
  return select(0.0, x[select(0u, (corner.before + line) * width + at, inside)], inside);
}

fn store(pixel: vec3u, first: u32, left: vec4f, right: vec4f) {
  if (pixel.y >= params.output.x || pixel.z >= params.output.y) { return; }
  let at = (((pixel.x * params.output.x + pixel.y) * params.output.y + pixel.z) * params.k + first) / 4u;
  if (first < params.k) { y[at] = left; }
  if (first + 32u < params.k) { y[at + 8u] = right; }
}

@compute @workgroup_size(128)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group.y * groups.x + group.x;
  let across = (params.output.y + 15u) / 16u;
  let down = (params.output.x + 7u) / 8u;
  if (index >= across * down * params.batch) { return; }
  let image = index / (across * down);
  let row = index / across % down * 8u;
  let column = index % across * 16u;

  // above or left of x these wrap round to huge numbers
  let corner = Corner(image * params.input.x, row * params.stride.x - params.padding.x, (column * params.stride.y - params.padding.y) * params.c);
  // four loads at a time, each made wherever it leads: one that hangs on a condition is waited for before the next
  for (var i = local; i < PATCH; i += 512u) {
    let v = vec4f(seen(corner, i), seen(corner, i + 128u), seen(corner, i + 256u), seen(corner, i + 384u));
    patch_x[i] = v.x;
    if (i + 128u < PATCH) { patch_x[i + 128u] = v.y; }
    if (i + 256u < PATCH) { patch_x[i + 256u] = v.z; }
    if (i + 384u < PATCH) { patch_x[i + 384u] = v.w; }
  }

  let filter_quad = local % 8u;
  let first = group.z * 64u + 4u * filter_quad;
  var t0 = vec4f();
  var u0 = vec4f();
  if (params.has_bias == 1u) {
    t0 = bias[min(first, params.k - 4u) / 4u];
    u0 = bias[min(first + 32u, params.k - 4u) / 4u];
  }
  var t1 = t0; var t2 = t0; var t3 = t0; var t4 = t0; var t5 = t0; var t6 = t0; var t7 = t0;
  var u1 = u0; var u2 = u0; var u3 = u0; var u4 = u0; var u5 = u0; var u6 = u0; var u7 = u0;

  let taps = params.kernel.y * params.c;
  let length = params.kernel.x * taps;
  let terms = select(taps, SLAB / 16u, UNROLL == 1u);
  let my_line = local / 16u;
  let my_column = local / 8u % 2u;
  for (var r = 0u; r < params.kernel.x; r++) {
    for (var i = local; i < SLAB; i += 128u) {
      let term = r * taps + i % (SLAB / 16u);
      let f = group.z * 64u + i / (SLAB / 16u) * 4u;
      let last = params.k - 1u;
      slab[i % (SLAB / 16u) * 16u + i / (SLAB / 16u)] = vec4f(
        w[min(f, last) * length + term], w[min(f + 1u, last) * length + term],
        w[min(f + 2u, last) * length + term], w[min(f + 3u, last) * length + term]);
    }
    workgroupBarrier();
    let begin = (my_line * params.stride.x + r) * LINE + my_column * params.stride.y * params.c;
    for (var j = 0u; j < terms; j++) {
      // no bound cuts anything off: they spare a test of each index that follows
      let quad = min(16u * j + filter_quad, SLAB - 9u);
      let b0 = slab[quad];
      let b1 = slab[quad + 8u];
      let at = min(begin + j, PATCH - 1u - 7u * STEP);
      let a0 = vec4f(patch_x[at]); let a1 = vec4f(patch_x[at + STEP]);
      let a2 = vec4f(patch_x[at + 2u * STEP]); let a3 = vec4f(patch_x[at + 3u * STEP]);
      let a4 = vec4f(patch_x[at + 4u * STEP]); let a5 = vec4f(patch_x[at + 5u * STEP]);
      let a6 = vec4f(patch_x[at + 6u * STEP]); let a7 = vec4f(patch_x[at + 7u * STEP]);
      t0 = fma(a0, b0, t0); t1 = fma(a1, b0, t1); t2 = fma(a2, b0, t2); t3 = fma(a3, b0, t3);
      t4 = fma(a4, b0, t4); t5 = fma(a5, b0, t5); t6 = fma(a6, b0, t6); t7 = fma(a7, b0, t7);
      u0 = fma(a0, b1, u0); u1 = fma(a1, b1, u1); u2 = fma(a2, b1, u2); u3 = fma(a3, b1, u3);
      u4 = fma(a4, b1, u4); u5 = fma(a5, b1, u5); u6 = fma(a6, b1, u6); u7 = fma(a7, b1, u7);
    }
    workgroupBarrier();
  }

  let pixel = vec3u(image, row + my_line, column + my_column);
  store(pixel, first, t0, u0);
  store(pixel + vec3u(0u, 0u, 2u), first, t1, u1);
  store(pixel + vec3u(0u, 0u, 4u), first, t2, u2);
  store(pixel + vec3u(0u, 0u, 6u), first, t3, u3);
  store(pixel + vec3u(0u, 0u, 8u), first, t4, u4);
  store(pixel + vec3u(0u, 0u, 10u), first, t5, u5);
  store(pixel + vec3u(0u, 0u, 12u), first, t6, u6);
  store(pixel + vec3u(0u, 0u, 14u), first, t7, u7);
}
