// reduce: the sum (KIND 0) or maximum (KIND 1) over the middle axis of x[outer, length, inner], in stripes.
//
// forward   reads x[outer, length, inner], writes y[outer, stripes, inner]: y[o, s, c] = scale * the sum, or the maximum, of
//           x[o, r, c] over r = s, s + stripes, s + 2 stripes, ... in this order. n is the number of elements of y.
//
// A long axis takes several passes with fewer stripes each, down to one: every sum has a fixed order, no thread adds many terms,
// and neighbouring threads read neighbouring elements.

override WORKGROUP: u32 = 64;
override KIND: u32 = 0;

struct Params { n: u32, length: u32, stripes: u32, inner: u32, scale: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let c = i % params.inner;
  let s = i / params.inner % params.stripes;
  let o = i / params.inner / params.stripes;
  let base = o * params.length * params.inner + c;
  var total = x[base + s * params.inner];
  for (var r = s + params.stripes; r < params.length; r += params.stripes) {
    let v = x[base + r * params.inner];
    if (KIND == 1u) { total = max(total, v); } else { total += v; }
  }
  y[i] = total * params.scale;
}
