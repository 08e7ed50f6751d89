// upsampled-conv2d: the filters of a 3x3 convolution over an image that was doubled by repeating its pixels, as the filters of a
// 4x4 one, stride 2, padding 1, whose transpose makes the same result from the image as it was.
//
// Of three neighbouring taps two or one fall on the same pixel of the small image, so a tap of the larger filter is a sum of them:
//   taps[t] = w[2-t] + w[3-t], where those there are none of count as 0, along rows and columns alike,
//   which is w2, w1+w2, w0+w1, w0; and the gradient goes back the way it came: dw[r] = dtaps[2-r] + dtaps[3-r].
//
// expand  reads w[k,3,3,all],    writes taps[c,4,4,k] from the first c of `all` channels
// fold    reads dtaps[c,4,4,k],  writes the first c of all channels of dw[k,3,3,all], and leaves the others
// add     reads x[n],            writes y[n] += x[n]
// expand4 and fold4 do all taps of four channels and four filters a thread, add4 four elements; c, k and all are multiples of four.
//
// The twins keep images and filters in f16, channels and filters in fours; gradients of filters are f32.

// .half: enable f16;

alias stored = vec4f; // .half: vec4<f16> // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(v); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return vec4<f16>(v); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

struct Params { n: u32, c: u32, k: u32, all: u32 }

@group(0) @binding(0) var<uniform> params: Params;

@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> taps: array<f32>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn expand(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let tap = i / params.k;
  let k = i - tap * params.k;
  let u = tap / 4u % 4u;
  let v = tap % 4u;
  var sum = 0.0;
  for (var r = 2u - min(u, 2u); r <= min(3u - u, 2u); r++) {
    for (var s = 2u - min(v, 2u); s <= min(3u - v, 2u); s++) {
      sum += w[(k * 9u + r * 3u + s) * params.all + tap / 16u];
    }
  }
  taps[i] = sum;
}

@group(0) @binding(1) var<storage, read> w4: array<stored>;
@group(0) @binding(2) var<storage, read_write> taps4: array<stored>;

// Four neighbours take 16 channels, so that they share the lines of memory of w as well as those of taps: the strides of
// both are powers of two as a rule, and no cache would keep a line of each row until the next thread comes.
@compute @workgroup_size(WORKGROUP)
fn expand4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let filters = params.k / 4u;
  let k4 = i / 4u % filters;
  let c4 = i / 4u / filters * 4u + i % 4u;
  if (i >= params.n || c4 >= params.c / 4u) { return; }
  let step = params.all / 4u;
  var at = k4 * 36u * step + c4;
  var o = (c4 * 64u + 12u) * filters + k4;
  // the row of taps above, and this one: columns are filters, rows channels
  var before0 = mat4x4f();
  var before1 = mat4x4f();
  var before2 = mat4x4f();
  for (var r = 0u; r < 4u; r++) {
    var w0 = mat4x4f();
    var w1 = mat4x4f();
    var w2 = mat4x4f();
    if (r < 3u) {
      w0 = mat4x4f(wide(w4[at]), wide(w4[at + 9u * step]), wide(w4[at + 18u * step]), wide(w4[at + 27u * step]));
      w1 = mat4x4f(wide(w4[at + step]), wide(w4[at + 10u * step]), wide(w4[at + 19u * step]), wide(w4[at + 28u * step]));
      w2 = mat4x4f(wide(w4[at + 2u * step]), wide(w4[at + 11u * step]), wide(w4[at + 20u * step]), wide(w4[at + 29u * step]));
    }
    let sum0 = transpose(before0 + w0);
    let sum1 = transpose(before1 + w1);
    let sum2 = transpose(before2 + w2);
    for (var c = 0u; c < 4u; c++) {
      taps4[o + c * 16u * filters] = narrow(sum2[c]);
      taps4[o + (c * 16u + 1u) * filters] = narrow(sum1[c] + sum2[c]);
      taps4[o + (c * 16u + 2u) * filters] = narrow(sum0[c] + sum1[c]);
      taps4[o + (c * 16u + 3u) * filters] = narrow(sum0[c]);
    }
    before0 = w0;
    before1 = w1;
    before2 = w2;
    at += 3u * step;
    o -= 4u * filters;
  }
}

@group(0) @binding(1) var<storage, read> dtaps: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn fold(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let tap = i / params.c;
  let c = i - tap * params.c;
  let k = tap / 9u;
  let r = tap / 3u % 3u;
  let s = tap % 3u;
  var sum = 0.0;
  for (var u = 2u - r; u <= 3u - r; u++) {
    for (var v = 2u - s; v <= 3u - s; v++) {
      sum += dtaps[(c * 16u + u * 4u + v) * params.k + k];
    }
  }
  dw[tap * params.all + c] = sum;
}

@group(0) @binding(1) var<storage, read> dtaps4: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dw4: array<vec4f>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn fold4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  let filters = params.k / 4u;
  let k4 = i / 4u % filters;
  let c4 = i / 4u / filters * 4u + i % 4u;
  if (i >= params.n || c4 >= params.c / 4u) { return; }
  let step = 16u * filters;
  let all4 = params.all / 4u;
  var at = c4 * 64u * filters + k4;
  var o = (k4 * 36u + 9u) * all4 + c4;
  // the row of taps above, summed along rows, and this one: columns are channels, rows filters
  var before0 = mat4x4f();
  var before1 = mat4x4f();
  var before2 = mat4x4f();
  for (var u = 0u; u < 4u; u++) {
    let at1 = at + filters;
    let at2 = at1 + filters;
    let at3 = at2 + filters;
    let v0 = mat4x4f(dtaps4[at], dtaps4[at + step], dtaps4[at + 2u * step], dtaps4[at + 3u * step]);
    let v1 = mat4x4f(dtaps4[at1], dtaps4[at1 + step], dtaps4[at1 + 2u * step], dtaps4[at1 + 3u * step]);
    let v2 = mat4x4f(dtaps4[at2], dtaps4[at2 + step], dtaps4[at2 + 2u * step], dtaps4[at2 + 3u * step]);
    let v3 = mat4x4f(dtaps4[at3], dtaps4[at3 + step], dtaps4[at3 + 2u * step], dtaps4[at3 + 3u * step]);
    let w0 = v2 + v3;
    let w1 = v1 + v2;
    let w2 = v0 + v1;
    if (u > 0u) {
      let sum0 = transpose(before0 + w0);
      let sum1 = transpose(before1 + w1);
      let sum2 = transpose(before2 + w2);
      for (var k = 0u; k < 4u; k++) {
        dw4[o + k * 9u * all4] = sum0[k];
        dw4[o + (k * 9u + 1u) * all4] = sum1[k];
        dw4[o + (k * 9u + 2u) * all4] = sum2[k];
      }
    }
    before0 = w0;
    before1 = w1;
    before2 = w2;
    at += 4u * filters;
    o -= 3u * all4;
  }
}

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP) // .half: none // .packed: none
fn add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] += x[i];
}

@group(0) @binding(1) var<storage, read> x4: array<stored>;
@group(0) @binding(2) var<storage, read_write> y4: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn add4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y4[i] = narrow(wide(y4[i]) + wide(x4[i]));
}
