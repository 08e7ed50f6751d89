// Reads every shader with wgsl_reflect and writes its typed face to src/generated/, and all faces to interface.snap.
// Where CI=true it does not write interface.snap but fails if that is out of date, so that no changed face lands unseen.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ArrayInfo, type FunctionInfo, ResourceType, StructInfo, type TypeInfo, type VariableInfo, WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import type { Binding, ParamField } from "../src/kernel.ts";

const here = dirname(fileURLToPath(import.meta.url));
const shaders = join(here, "../../../shaders");
const out = join(here, "../src/generated");
const snapshot = join(here, "../interface.snap");

interface Face {
  readonly entryPoint: string;
  readonly bindings: Binding[];
  readonly params: { bytes: number; fields: ParamField[] } | null;
  readonly overrides: Record<string, number>;
}

const scalars: Record<string, ParamField["type"] | "f16"> = { u32: "u32", i32: "i32", f32: "f32", f16: "f16", u: "u32", i: "i32", f: "f32", h: "f16" };

/** The scalar a type is made of: `array<vec4<f32>>` and `array<vec4f>` are both f32. */
function scalarOf(type: TypeInfo, where: string): Binding["element"] {
  const inner = type instanceof ArrayInfo ? scalarOf(type.format, where) : undefined;
  if (inner) return inner;
  const argument = (type as { format?: TypeInfo | null }).format;
  if (argument) return scalarOf(argument, where);
  const name = type.name.replace(/^(atomic<)?vec[234]/, "").replace(/[<>]/g, "");
  const scalar = scalars[name];
  if (!scalar) throw new Error(`${where}: cannot tell the scalar of ${type.name}`);
  return scalar;
}

/** A buffer that is read as the texels of a texture. */
function imageOf(variable: VariableInfo, where: string): Binding {
  const texel = (variable.type as { format?: TypeInfo | null }).format?.name;
  if (variable.type.name !== "texture_storage_2d" || variable.access !== "read" || texel !== "rgba32float") throw new Error(`${where}: ${variable.name} is no texture_storage_2d<rgba32float, read>`);
  return { name: variable.name, index: variable.binding, access: "read", element: "f32", bytes: 16, isImage: true };
}

/** The least that a buffer bound there may hold: the variable, or one element of a runtime array. */
function bytesOf(type: TypeInfo, where: string): number {
  const bytes = type instanceof ArrayInfo && type.count === 0 ? type.stride : type.size;
  if (!(bytes > 0)) throw new Error(`${where}: cannot tell the size of ${type.name}`);
  return bytes;
}

/** What a storage buffer holds: in a packed twin, pairs of f16 lie in `stored`, a `vec2u` or a `u32`. */
function elementOf(type: TypeInfo, source: string, where: string): Binding["element"] {
  const [, pairs] = /^alias stored = (vec2u|u32);/m.exec(source) ?? [];
  const packed = pairs !== undefined && type instanceof ArrayInfo && (type.format.name === pairs || type.format.name === "stored");
  return packed ? "f16" : scalarOf(type, where);
}

function paramsOf(variable: VariableInfo, where: string): Face["params"] {
  const struct = variable.type;
  if (!(struct instanceof StructInfo)) throw new Error(`${where}: params must be a struct`);
  const fields = struct.members.map((member) => {
    const type = scalarOf(member.type, `${where}.${member.name}`);
    if (type === "f16") throw new Error(`${where}.${member.name}: f16 parameters are not supported`);
    return { name: member.name, type, offset: member.offset, count: member.size / 4 };
  });
  return { bytes: Math.ceil(struct.size / 16) * 16, fields };
}

function faceOf(file: string, source: string, entry: FunctionInfo): Face {
  const where = `${file}: ${entry.name}`;
  const bindings: Binding[] = [];
  let params: Face["params"] = null;
  for (const variable of [...entry.resources].sort((a, b) => a.binding - b.binding)) {
    if (variable.group !== 0) throw new Error(`${where}: ${variable.name} is not in group 0`);
    if (variable.resourceType === ResourceType.Uniform) {
      if (variable.binding !== 0 || variable.name !== "params") throw new Error(`${where}: the uniform must be params at binding 0`);
      params = paramsOf(variable, where);
      continue;
    }
    if (bindings.some((b) => b.index === variable.binding)) throw new Error(`${where}: two buffers at binding ${variable.binding}`);
    if (variable.resourceType === ResourceType.StorageTexture) {
      bindings.push(imageOf(variable, where));
      continue;
    }
    if (variable.resourceType !== ResourceType.Storage) throw new Error(`${where}: ${variable.name} is neither a storage buffer nor an image`);
    bindings.push({ name: variable.name, index: variable.binding, access: variable.access === "read_write" ? "read_write" : "read", element: elementOf(variable.type, source, where), bytes: bytesOf(variable.type, `${where}.${variable.name}`) });
  }
  const overrides: Record<string, number> = {};
  for (const [, name, text] of source.matchAll(/^override\s+(\w+)\s*(?::\s*\w+)?\s*=?\s*([^;]*);/gm)) {
    if (!name || !usesOverride(source, entry, name)) continue;
    overrides[name] = literal(`${file}: override ${name}`, text ?? "");
  }
  return { entryPoint: entry.name, bindings, params, overrides };
}

/** Overrides in a body are known to the reflection; those in the attributes, `@workgroup_size(WORKGROUP)`, are read off the text. */
function usesOverride(source: string, entry: FunctionInfo, name: string): boolean {
  if (entry.overrides.some((o) => o.name === name)) return true;
  const at = source.search(new RegExp(`fn\\s+${entry.name}\\s*\\(`));
  return new RegExp(`\\b${name}\\b`).test(source.slice(source.lastIndexOf("@compute", at), at));
}

function literal(where: string, text: string): number {
  if (text === "true" || text === "false") return text === "true" ? 1 : 0;
  const value = Number(text.trim().replace(/(?<=\d)[uif]$/, "") || "none");
  if (Number.isNaN(value)) throw new Error(`${where} must have a literal default`);
  return value;
}

const camel = (stem: string) => stem.replace(/[-.](\w)/g, (_, letter: string) => letter.toUpperCase());

function typeOf(face: Face): string {
  const names = (list: string[]) => (list.length ? list.map((n) => JSON.stringify(n)).join(" | ") : "never");
  const params = face.params ? `{ ${face.params.fields.map((f) => `${f.name}: ${f.count === 1 ? "number" : "readonly number[]"}`).join("; ")} }` : "Record<never, number>";
  return `Kernel<${names(face.bindings.map((b) => b.name))}, ${params}, ${names(Object.keys(face.overrides))}>`;
}

function moduleText(stem: string, source: string, faces: Face[]): string {
  const requires = [...source.matchAll(/^enable\s+([\w, ]+);/gm)].flatMap((m) => (m[1] ?? "").split(",").map((s) => s.trim()));
  const kernels = faces.map(
    (face) =>
      `  ${camel(face.entryPoint.replace(/_/g, "-"))}: ${JSON.stringify({ name: `${stem}.${face.entryPoint}`, entryPoint: face.entryPoint, bindings: face.bindings, params: face.params, overrides: face.overrides, requires })
        .replace(/^\{/, "{ source, ")} as ${typeOf(face)},`,
  );
  return [
    `// Generated from shaders/${stem}.wgsl. Do not edit.`,
    `import type { Kernel } from "../kernel.ts";`,
    "",
    `const source = ${JSON.stringify(source)};`,
    "",
    `export const ${camel(stem)} = {`,
    ...kernels,
    "};",
    "",
  ].join("\n");
}

function snapshotLines(stem: string, faces: Face[]): string[] {
  return faces.map((face) => {
    const bindings = face.bindings.map((b) => `${b.index}:${b.name}:${b.isImage ? "image" : b.element}${b.access === "read_write" ? "*" : ""}`).join(" ");
    const params = face.params ? face.params.fields.map((f) => `${f.name}:${f.type}${f.count > 1 ? `x${f.count}` : ""}`).join(" ") : "-";
    const overrides = Object.entries(face.overrides).map(([k, v]) => `${k}=${v}`).join(" ");
    return `${stem}.${face.entryPoint} | ${bindings} | ${params} | ${overrides}`;
  });
}

/** What is wrong: the other files are written all the same, then the run fails. */
const broken: string[] = [];

/**
 * A shader, and its twins: the same text where a line says what stands in its place there. `// .half: <line>` after a line, or alone
 * on a line below it, is that line in the twin `<stem>.half`; after an alias, the type is enough: `alias lanes = vec4f; // .scalar: f32`.
 * Alone below an empty line, it is a line more. After `@compute`, `// .half: none` leaves the entry point out of the twin.
 */
function variantsOf(file: string): { file: string; stem: string; source: string; readable: string }[] {
  const stem = file.slice(0, -".wgsl".length);
  const text = readFileSync(join(shaders, file), "utf8");
  const names = new Set([...text.matchAll(new RegExp(mark, "g"))].map((match) => match[1] ?? ""));
  const variants = [{ stem, source: text }, ...[...names].map((name) => ({ stem: `${stem}.${name}`, source: twin(text, name) }))];
  return variants.map((variant) => ({ file, ...variant, readable: readableOf(variant.source, text) }));
}

/** A text with the same faces that wgsl_reflect can read: it knows no subgroup matrices, and a shader with these has a twin without. */
const readableOf = (source: string, text: string): string => (source.includes("subgroup_matrix_") ? twin(text, "emulated") : source);

/** Of a twin, where it begins a text; the text ends at the next one. */
const mark = /\/\/ \.([a-z]\w*): /;

function twin(source: string, name: string): string {
  const lines: string[] = [];
  let leftOut = false;
  for (const line of source.split("\n")) {
    if (leftOut) {
      leftOut = line !== "}";
      continue;
    }
    const [code = "", ...texts] = line.split(mark);
    const at = texts.indexOf(name);
    const text = at >= 0 && at % 2 === 0 ? (texts[at + 1] ?? "").trim() : null;
    if (text === null) {
      if (code.trim() || texts.length === 0) lines.push(texts.length ? code.trimEnd() : line);
      continue;
    }
    if (text === "none") {
      leftOut = true;
      continue;
    }
    const above = code.trim() ? code : (lines.pop() ?? "");
    if (!code.trim() && !above.trim()) lines.push(above);
    const [head] = /^alias \w+ = /.exec(above) ?? [""];
    const indent = /^\s*/.exec(above)?.[0] ?? "";
    lines.push(head && !text.endsWith(";") ? `${head}${text};` : `${indent}${text}`);
  }
  return lines.join("\n");
}

const modules: { stem: string; text: string }[] = [];
const lines = ["# entry point | bindings (* written) | params | overrides"];
for (const { file, stem, source, readable } of readdirSync(shaders).filter((name) => name.endsWith(".wgsl")).sort().flatMap(variantsOf)) {
  try {
    const faces = new WgslReflect(readable).entry.compute.map((entry) => faceOf(file, source, entry));
    if (faces.length === 0) throw new Error("no entry point");
    modules.push({ stem, text: moduleText(stem, source, faces) });
    lines.push(...snapshotLines(stem, faces));
  } catch (error) {
    broken.push(`shaders/${file}: ${error instanceof Error ? error.message : error}`);
  }
}

mkdirSync(out, { recursive: true });
const kept = new Set(["index.ts", ...modules.map(({ stem }) => `${stem}.ts`)]);
for (const name of readdirSync(out)) if (!kept.has(name)) rmSync(join(out, name));
for (const { stem, text } of modules) writeIfChanged(join(out, `${stem}.ts`), text);
const hash = createHash("sha256").update(modules.map(({ text }) => text).join()).digest("hex").slice(0, 16);
writeIfChanged(join(out, "index.ts"), [
  ...modules.map(({ stem }) => `export { ${camel(stem)} } from "./${stem}.ts";`),
  "/** Changes with any shader: what was measured of others does not hold for these. */",
  `export const shadersHash = "${hash}";\n`,
].join("\n"));
const snap = `${lines.join("\n")}\n`;
if (process.env.CI === "true" && readFileSync(snapshot, "utf8") !== snap) broken.push("packages/kernels/interface.snap is out of date: run `npm run generate` and commit it");
else if (broken.length === 0) writeIfChanged(snapshot, snap);
if (broken.length) {
  console.error(broken.join("\n"));
  process.exitCode = 1;
}

function writeIfChanged(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}
