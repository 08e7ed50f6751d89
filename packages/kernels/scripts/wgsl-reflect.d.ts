// wgsl_reflect's `main` is CommonJS under `"type": "module"`, which Node refuses; its ES module is reached by path.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}
