// The layer picture of the README is a test: who may import whom, compared with what each package declares and what it does.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");

/** What each package may import of ours. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "packages/core": [],
  "packages/kernels": ["core"],
  "packages/gpu": ["core", "kernels"],
  "packages/tensor": ["core", "kernels", "gpu"],
  "packages/nn": ["core", "kernels", "gpu", "tensor"],
  "packages/models": ["core", "gpu", "tensor", "nn"],
  "packages/checkpoints": ["core"],
  "packages/data": ["core"],
  "packages/metrics": ["core"],
  "packages/runner": ["core", "gpu", "tensor", "nn", "models", "checkpoints", "data", "metrics"],
  "apps/cli": ["core", "gpu", "tensor", "nn", "models", "checkpoints", "data", "metrics", "runner"],
  "apps/web": ["core", "gpu", "tensor", "nn", "models", "checkpoints", "data", "metrics", "runner"],
};

/** Third-party modules, and who imports each. */
const thirdParty: Readonly<Record<string, readonly string[]>> = {
  webgpu: ["packages/gpu"],
  fflate: ["packages/checkpoints", "apps/web"],
  "crc-32": ["packages/checkpoints"],
  hysnappy: ["packages/checkpoints"],
  "@bufbuild/protobuf": ["packages/checkpoints"],
  comlink: ["apps/web"],
  "fast-png": ["packages/data", "packages/runner"],
  yaml: ["packages/runner"],
  zod: ["packages/runner"],
  "@observablehq/plot": ["packages/runner"],
  linkedom: ["packages/runner"],
  commander: ["apps/cli"],
  "cli-progress": ["apps/cli"],
};

/** What only tests and build files use. */
const development = /^(vitest|fast-check|tsup|wgsl_reflect|node:)/;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

const importPattern = /(?:^(?:import|export)\s[^"]*\sfrom\s+|^import\s+|\bimport\()"([^"./][^"\n]*)"/gm;

function imports(workspace: string): { file: string; module: string }[] {
  return sources(join(root, workspace, "src")).flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(importPattern)].map((match) => ({ file: file.slice(root.length + 1), module: match[1] ?? "" })),
  );
}

const declared = (workspace: string): string[] => {
  const manifest = JSON.parse(readFileSync(join(root, workspace, "package.json"), "utf8")) as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
};

const packageOf = (module: string): string => module.split("/").slice(0, module.startsWith("@") ? 2 : 1).join("/");

describe.each(Object.keys(allowed))("%s", (workspace) => {
  it("declares only packages below it", () => {
    const ours = declared(workspace).filter((name) => name.startsWith("@roentgen/")).map((name) => name.slice("@roentgen/".length));
    expect(ours.filter((name) => !allowed[workspace]?.includes(name))).toEqual([]);
  });

  it("imports only packages below it, and only what it declares", () => {
    const stray = imports(workspace).filter(({ file, module }) => {
      const name = packageOf(module);
      if (name.startsWith("@roentgen/")) return !allowed[workspace]?.includes(name.slice("@roentgen/".length)) || !declared(workspace).includes(name);
      return !development.test(module) && !declared(workspace).includes(name) && !file.endsWith(".test.ts");
    });
    expect(stray).toEqual([]);
  });

  it("has a README", () => {
    expect(existsSync(join(root, workspace, "README.md"))).toBe(true);
  });
});

describe("the repository", () => {
  it("has no other workspace than those of the table", () => {
    const found = ["packages", "apps"].flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
    expect(found.sort()).toEqual(Object.keys(allowed).sort());
  });

  it("imports third-party modules where the table says, and nowhere else", () => {
    const importers: Record<string, string[]> = {};
    for (const workspace of Object.keys(allowed)) {
      const names = imports(workspace).filter(({ file, module }) => !file.endsWith(".test.ts") && !/^@roentgen\//.test(module) && !development.test(module)).map(({ module }) => packageOf(module));
      for (const name of new Set(names)) (importers[name] ??= []).push(workspace);
    }
    expect(importers).toEqual(thirdParty);
  });

  it("uses comlink in one worker file and at its one counterpart", () => {
    expect(imports("apps/web").filter(({ module }) => module === "comlink").map(({ file }) => file).sort()).toEqual(["apps/web/src/engine.ts", "apps/web/src/worker.ts"]);
  });

  it("has GPU code nowhere but in shaders/", () => {
    const withShaders = Object.keys(allowed).flatMap((w) => sources(join(root, w, "src"))).filter((file) => !file.includes("/generated/") && /@compute|@workgroup_size/.test(readFileSync(file, "utf8")));
    expect(withShaders).toEqual([]);
  });
});
