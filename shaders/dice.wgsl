// dice: y = 1 - (2 I + smooth) / (P + T + smooth), with I = sum p t, P = sum p, T = sum t over a whole batch.
//
// sums       reads p, t,          writes partial[stripes, 3] = (I, P, T) over i = s, s + stripes, s + 2 stripes, ... in this order
// forward    reads totals[3],     writes y[1]
// backward   reads t, totals, dy, writes dp[n] = dy ((2 I + smooth) / D^2 - 2 t / D), D = P + T + smooth

override WORKGROUP: u32 = 64;

struct Params { n: u32, stripes: u32, smooth_by: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sums(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let s = id.y * groups.x * WORKGROUP + id.x;
  if (s >= params.stripes) { return; }
  var found = vec3f(0.0);
  for (var i = s; i < params.n; i += params.stripes) { found += vec3f(p[i] * t[i], p[i], t[i]); }
  partial[3u * s] = found.x;
  partial[3u * s + 1u] = found.y;
  partial[3u * s + 2u] = found.z;
}

@group(0) @binding(1) var<storage, read> totals: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(1)
fn forward() {
  y[0] = 1.0 - (2.0 * totals[0] + params.smooth_by) / (totals[1] + totals[2] + params.smooth_by);
}

@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dp: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let d = totals[1] + totals[2] + params.smooth_by;
  dp[i] = dy[0] * ((2.0 * totals[0] + params.smooth_by) / d - 2.0 * t[i]) / d;
}
