// shape: strided copies of 32-bit words, whatever the words mean: permute, slice, pad, concat, broadcast.
//
// gather    reads x, writes y[n]:  y[i] = x[place(i)]
// scatter   reads x[n], writes y:  y[place(i)] = x[i]
// gather4 and scatter4 are the same on vectors of four words: n, dims, strides and offset count vectors.
//
// place(i) splits i into coordinates along dims (RANK of them, outermost first) and moves by strides from offset. A stride of 0
// repeats. scatter leaves the rest of y as it is.

override WORKGROUP: u32 = 64;
override RANK: u32 = 8;

struct Params { n: u32, offset: u32, dims: array<vec4<u32>, 2>, strides: array<vec4<u32>, 2> }

@group(0) @binding(0) var<uniform> params: Params;

// One division an axis, none for the outermost: they are what a copy costs on a software driver.
fn place(i: u32, rank: u32) -> u32 {
  var rest = i;
  var at = params.offset;
  for (var axis = rank - 1u; axis > 0u; axis--) {
    let size = params.dims[axis / 4u][axis % 4u];
    let quotient = rest / size;
    at += (rest - quotient * size) * params.strides[axis / 4u][axis % 4u];
    rest = quotient;
  }
  return at + rest * params.strides[0].x;
}

@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[i] = x[place(i, RANK)];
}

@compute @workgroup_size(WORKGROUP)
fn scatter(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y[place(i, RANK)] = x[i];
}

@group(0) @binding(1) var<storage, read> x4: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y4: array<vec4u>;

@compute @workgroup_size(WORKGROUP)
fn gather4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y4[i] = x4[place(i, RANK)];
}

@compute @workgroup_size(WORKGROUP)
fn scatter4(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP + id.x;
  if (i >= params.n) { return; }
  y4[place(i, RANK)] = x4[i];
}
