// The peers' packages are not installed where types are checked (they are no dependency of ours), so their calls are unchecked.
declare module "@tensorflow/tfjs";
declare module "@tensorflow/tfjs-backend-webgpu";
declare module "@jax-js/jax";
declare module "onnxruntime-node";
