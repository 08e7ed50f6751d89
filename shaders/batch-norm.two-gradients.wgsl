// batch-norm.two-gradients: where a result went two ways, as in a residual network, its two gradients are added in the pass that sums
// them up for the batch norm with residual and ReLU which made it (batch-norm.wgsl: gradient_sums_residual, the same sums in the same order).
//
// gradient_sums   reads x, out, dy, more, mean,   writes total = dy + more, and partials: sums of total and of total * (x - mean),
//                 both where out > 0
//
// In f16 the sums are of the rounded total, as whoever reads it from memory would have it. Compilers fold narrowing and widening at
// once into nothing; between the two stands `all_bits`, a mask whose value they cannot know.

// .half: enable f16;

alias lanes = vec4f;
alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

// v > 0. The f16 twins look at the bits, as batch-norm.wgsl says.
fn above_zero(v: lanes) -> vec4<bool> { return v > lanes(0.0); } // .half: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }
// .packed: fn above_zero(v: vec4f) -> vec4<bool> { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }

override WORKGROUP: u32 = 64;

// rows of the image, columns of four channels; rows per thread and stripes of rows; 32 ones.
struct Params { rows: u32, columns: u32, per_thread: u32, stripes: u32, all_bits: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read> dy: array<stored>;
@group(0) @binding(3) var<storage, read> out: array<stored>;
@group(0) @binding(4) var<storage, read> more: array<stored>;
@group(0) @binding(5) var<storage, read> mean_in: array<lanes>;
@group(0) @binding(6) var<storage, read_write> sums: array<lanes>;
@group(0) @binding(7) var<storage, read_write> total: array<stored>;

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
  var sum = lanes(0.0);
  var product = lanes(0.0);
  for (var n = min(params.per_thread, params.rows - first); n > 0u; n -= 1u) {
    let both = narrow(wide(dy[i]) + wide(more[i])); // .half: let both = narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
    // .packed: let both = narrow(wide(dy[i]) + wide(more[i])) & vec2u(params.all_bits);
    total[i] = both;
    let g = select(lanes(0.0), wide(both), above_zero(wide(out[i])));
    sum += g;
    product += g * (wide(x[i]) - mean);
    i += columns;
  }
  let at = 2u * index * columns + column;
  sums[at] = sum;
  sums[at + columns] = product;
}
