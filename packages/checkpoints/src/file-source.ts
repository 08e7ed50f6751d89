import { createHash } from "node:crypto";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { CheckpointError } from "@roentgen/core";
import type { Container } from "./containers/container.ts";
import { openContainer } from "./containers/open.ts";
import { checkRange, chunksOf, type RandomAccess } from "./random-access.ts";

/** A file, read in the ranges asked for. */
async function fileSource(path: string, handles: FileHandle[]): Promise<RandomAccess> {
  const handle = await open(path);
  handles.push(handle);
  const { size } = await handle.stat();
  return {
    name: basename(path),
    size,
    read: async (offset, length) => {
      checkRange(basename(path), size, offset, length);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw new CheckpointError(`${basename(path)}: the file became shorter while it was read.`);
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

/** A weight file on disk, open until `use` is done with it. */
export interface OpenedFile {
  readonly container: Container;
  readonly name: string;
  readonly bytes: number;
  /** SHA-256 of the file itself (of a TensorFlow checkpoint: of its index). Reads it all. */
  readonly sha256: () => Promise<string>;
}

/**
 * Opens a weight file, or a folder with one TensorFlow checkpoint or tfjs model, for as long as `use` runs.
 * @throws CheckpointError if there is no such file, or it is none that is known, or damaged
 */
export async function withWeightFile<T>(path: string, use: (file: OpenedFile) => Promise<T>): Promise<T> {
  const handles: FileHandle[] = [];
  try {
    const main = await mainFile(path);
    const folder = dirname(main);
    const source = await fileSource(main, handles);
    const container = await openContainer(source, {
      findBeside: async (name) => {
        const beside = join(folder, name);
        // Names come out of the file; none may lead elsewhere.
        if (!beside.startsWith(folder === "." ? "" : folder + (folder.endsWith(sep) ? "" : sep)) || name.split(/[/\\]/).includes("..") || !(await isFile(beside))) return undefined;
        return fileSource(beside, handles);
      },
    });
    return await use({ container, name: source.name, bytes: source.size, sha256: () => sha256Of(source) });
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

const isFile = (path: string): Promise<boolean> => stat(path).then((facts) => facts.isFile(), () => false);

async function mainFile(path: string): Promise<string> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile()) return path;
  if (!facts) {
    // A TensorFlow checkpoint is often called by its prefix, which is no file.
    if (await isFile(`${path}.index`)) return `${path}.index`;
    throw new CheckpointError(`${path} is not there.`);
  }
  const files = facts.isDirectory() ? await readdir(path) : [];
  const main = files.filter((name) => name.endsWith(".index") || name === "model.json");
  const [only] = main;
  if (only === undefined || main.length > 1) throw new CheckpointError(`${path}: a folder with ${main.length} checkpoints (.index) or models (model.json), expected one. Name the file.`);
  return join(path, only);
}

async function sha256Of(source: RandomAccess): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunksOf(source)) hash.update(chunk);
  return hash.digest("hex");
}
