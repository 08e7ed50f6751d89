// batch-norm.two-gradients: where a result went two ways, as in a residual network, its two gradients are added in the pass that sums
// them up for the batch norm with residual and ReLU which made it (batch-norm.wgsl: gradient_sums_residual, the same sums in the same order).
//
// gradient_sums   reads x, out, dy, more, mean,   writes total = dy + more, and partials: sums of total and of total * (x - mean),
//                 both where out > 0

override WORKGROUP: u32 = 64;

// rows of the image, columns of four channels; rows per thread and stripes of rows.
struct Params { rows: u32, columns: u32, per_thread: u32, stripes: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read> out: array<vec4f>;
@group(0) @binding(4) var<storage, read> more: array<vec4f>;
@group(0) @binding(5) var<storage, read> mean_in: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> total: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let columns = params.columns;
  let thread = id.y * groups.x * WORKGROUP + id.x;
  let index = thread / columns;
  if (index >= params.stripes) { return; }
  let column = thread - index * columns;
  let first = index * params.per_thread;
  let mean = mean_in[column];
  var i = first * columns + column;
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var n = min(params.per_thread, params.rows - first); n > 0u; n -= 1u) {
    let both = dy[i] + more[i];
    total[i] = both;
    let positive = out[i] > vec4f(0.0);
    let g = select(vec4f(0.0), both, positive);
    sum += g;
    product += g * (x[i] - mean);
    i += columns;
  }
  let at = 2u * index * columns + column;
  sums[at] = sum;
  sums[at + columns] = product;
}
