// pointwise-loss: terms f(p, t) of losses that are means over elements; KIND says which f.
//
//  0 bce               -t max(log p, -100) - (1 - t) max(log(1 - p), -100)
//  1 bce with logits   (1 - t) p + w (log(1 + exp(-|p|)) + max(-p, 0)), w = 1 + (weight - 1) t; weight is per class if WEIGHTED
//  2 mse               (p - t)^2
//
// forward    reads p, t, weight,     writes partial[stripes]: the sum of f over i = s, s + stripes, s + 2 stripes, ... in this order
// backward   reads p, t, weight, dy, writes dp[n] = scale dy df/dp, with scale = 1 / n
//
// Definitions follow torch.nn.functional: the logarithms of bce are clamped at -100, and its gradient is
// (p - t) / max(p (1 - p), 1e-12). Where not WEIGHTED, weight is never read. The class is the last axis.

override WORKGROUP: u32 = 64;
override KIND: u32 = 0;
override WEIGHTED: u32 = 0;

struct Params { n: u32, stripes: u32, classes: u32, scale: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;

// The logarithm of a probability; below the smallest normal number it counts as 0.
fn clamped_log(v: f32) -> f32 {
  return select(max(log(v), -100.0), -100.0, v < 1.1754944e-38);
}

fn term(kind: u32, v: f32, goal: f32, w: f32) -> f32 {
  switch kind {
    case 1u: { return (1.0 - goal) * v + (1.0 + (w - 1.0) * goal) * (log(1.0 + exp(-abs(v))) + max(-v, 0.0)); }
    case 2u: { return (v - goal) * (v - goal); }
    default: { return -goal * clamped_log(v) - (1.0 - goal) * clamped_log(1.0 - v); }
  }
}

fn slope(kind: u32, v: f32, goal: f32, w: f32) -> f32 {
  switch kind {
    case 1u: {
      let e = exp(-abs(v));
      let below = select(1.0, e, v >= 0.0) / (1.0 + e);
      return (1.0 - goal) - (1.0 + (w - 1.0) * goal) * below;
    }
    case 2u: { return 2.0 * (v - goal); }
    default: { return (v - goal) / max(v * (1.0 - v), 1e-12); }
  }
}

@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let s = id.y * groups.x * WORKGROUP + id.x;
  if (s >= params.stripes) { return; }
  var total = 0.0;
  for (var i = s; i < params.n; i += params.stripes) {
    var w = 1.0;
    if (WEIGHTED == 1u) { w = weight[i % params.classes]; }
    total += term(KIND, p[i], t[i], w);
  }
  partial[s] = total;
}

@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dp: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  var w = 1.0;
  if (WEIGHTED == 1u) { w = weight[i % params.classes]; }
  dp[i] = dy[0] * params.scale * slope(KIND, p[i], t[i], w);
}
