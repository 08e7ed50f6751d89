// relu: y = max(x, 0), elementwise over any shape.
//
// forward   reads x[n],          writes y[n]
// backward  reads out[n], dy[n], writes dx[n] = dy where out > 0, else 0
//
// Four elements a thread, or one in the scalar twin. backward reads the output, not the input, so x need not outlive the forward
// pass. The gradient at 0 is 0, and a NaN passes through, as in PyTorch (max(NaN, 0) would hide it). A grid wider than 65,535
// workgroups is folded into y.

// .half: enable f16;

alias lanes = vec4f; // .scalar: f32
alias mask = vec4<bool>; // .scalar: bool
alias stored = vec4f; // .scalar: f32 // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> lanes { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: lanes) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

// v > 0. The f16 twins look at the bits, which run from 1 to those of infinity: LLVM would compare f16 with f16, one lane at a time.
fn above_zero(v: lanes) -> mask { return v > lanes(0.0); } // .half: fn above_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }
// .packed: fn above_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 1u < vec4u(0x7f800000u); }

// v < 0, likewise: those bits with the sign.
fn below_zero(v: lanes) -> mask { return v < lanes(0.0); } // .half: fn below_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 0x80000001u < vec4u(0x7f800000u); }
// .packed: fn below_zero(v: vec4f) -> mask { return bitcast<vec4u>(v) - 0x80000001u < vec4u(0x7f800000u); }

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<stored>;
@group(0) @binding(2) var<storage, read_write> y: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  let v = wide(x[i]);
  y[i] = narrow(select(v, lanes(0.0), below_zero(v)));
}

@group(0) @binding(1) var<storage, read> out: array<stored>;
@group(0) @binding(2) var<storage, read> dy: array<stored>;
@group(0) @binding(3) var<storage, read_write> dx: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  dx[i] = narrow(select(lanes(0.0), wide(dy[i]), above_zero(wide(out[i]))));
}
