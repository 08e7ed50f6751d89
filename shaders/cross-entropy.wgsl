// cross-entropy: per row of logits x[rows, classes], -sum over c of q[c] log softmax(x)[c]. The goal q is the target (a class
// number, or a weight per class), smoothed: q = (1 - smoothing) target + smoothing / classes.
//
// forward, forward_soft     read x, target,            write losses[rows], stats[rows] = (maximum, sum exp(x - maximum), sum q)
// backward, backward_soft   read x, target, stats, dy, write dx[rows, classes] = scale dy (softmax(x) sum q - q), scale = 1 / rows
//
// A class number outside the range makes the row's loss NaN, so that the run stops instead of learning from it. WGSL has no NaN
// to write down; its bits come in as a parameter. Definition: torch.nn.functional.cross_entropy, mean reduction.

override WORKGROUP: u32 = 64;

struct Params { rows: u32, classes: u32, smoothing: f32, scale: f32, nan_bits: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> target_class: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> stats: array<vec4f>;

fn smoothed(share: f32) -> f32 {
  return (1.0 - params.smoothing) * share + params.smoothing / f32(params.classes);
}

// (maximum, sum of exponentials) of a row of x that begins at `start`.
fn row_scale(start: u32) -> vec2f {
  var most = x[start];
  for (var c = 1u; c < params.classes; c++) { most = max(most, x[start + c]); }
  var total = 0.0;
  for (var c = 0u; c < params.classes; c++) { total += exp(x[start + c] - most); }
  return vec2f(most, total);
}

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP + id.x;
  if (row >= params.rows) { return; }
  let start = row * params.classes;
  let s = row_scale(start);
  let label = target_class[row];
  var loss = 0.0;
  for (var c = 0u; c < params.classes; c++) {
    loss -= smoothed(select(0.0, 1.0, c == label)) * (x[start + c] - s.x - log(s.y));
  }
  losses[row] = select(loss, bitcast<f32>(params.nan_bits), label >= params.classes);
  stats[row] = vec4f(s, 1.0, 0.0);
}

@group(0) @binding(2) var<storage, read> target_share: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn forward_soft(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP + id.x;
  if (row >= params.rows) { return; }
  let start = row * params.classes;
  let s = row_scale(start);
  var loss = 0.0;
  var mass = 0.0;
  for (var c = 0u; c < params.classes; c++) {
    let q = smoothed(target_share[start + c]);
    loss -= q * (x[start + c] - s.x - log(s.y));
    mass += q;
  }
  losses[row] = loss;
  stats[row] = vec4f(s, mass, 0.0);
}

@group(0) @binding(3) var<storage, read> row_stats: array<vec4f>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

fn gradient(v: f32, s: vec4f, q: f32) -> f32 {
  return dy[0] * params.scale * (exp(v - s.x) / s.y * s.z - q);
}

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.rows * params.classes) { return; }
  let row = i / params.classes;
  let share = select(0.0, 1.0, i % params.classes == target_class[row]);
  dx[i] = gradient(x[i], row_stats[row], smoothed(share));
}

@compute @workgroup_size(WORKGROUP)
fn backward_soft(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.rows * params.classes) { return; }
  dx[i] = gradient(x[i], row_stats[i / params.classes], smoothed(target_share[i]));
}
