// cast: real numbers stored anew, f32 as f16 or f16 as f32. Only the twins are used.
//
// to_half     reads x[n] f32,     writes half[n]
// to_float    reads half_in[n],   writes y[n] f32
// to_half_at  reads x, table[n],  writes half: for each row of `table`, z vectors from x on in x to y on in half
//
// n counts vectors of four, in to_half_at rows. f16 rounds to the nearest, ties to even; from 65520 on it is infinite.

// .half: enable f16;

alias stored = vec4f; // .half: vec2u // .packed: vec2u
fn wide(v: stored) -> vec4f { return v; } // .half: fn wide(v: stored) -> vec4f { return vec4f(bitcast<vec4<f16>>(v)); }
// .packed: fn wide(v: stored) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn narrow(v: vec4f) -> stored { return v; } // .half: fn narrow(v: vec4f) -> stored { return bitcast<vec2u>(vec4<f16>(v)); }
// .packed: fn narrow(v: vec4f) -> stored { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

override WORKGROUP: u32 = 64;

struct Params { n: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> half: array<stored>;

@compute @workgroup_size(WORKGROUP)
fn to_half(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  half[i] = narrow(x[i]);
}

@group(0) @binding(3) var<storage, read> table: array<vec4u>;

@compute @workgroup_size(WORKGROUP)
fn to_half_at(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.n) { return; }
  let place = table[row];
  for (var i = lane; i < place.z; i += WORKGROUP) { half[place.y + i] = narrow(x[place.x + i]); }
}

@group(0) @binding(1) var<storage, read> half_in: array<stored>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn to_float(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = wide(half_in[i]);
}
