import { defineConfig } from "tsup";

export default defineConfig({ entry: { index: "src/index.ts", testing: "src/testing/index.ts" }, format: "esm", target: "es2023", sourcemap: true, clean: true });
