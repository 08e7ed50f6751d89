import { readSync } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { CheckpointError } from "@roentgen/core";
import type { Container } from "./containers/container.ts";
import { openContainer } from "./containers/open.ts";
import { type Hashing, hashInThread } from "./file-hash.ts";
import { checkRange, type RandomAccess } from "./random-access.ts";

/** Less than that is read sooner than another thread is asked to: a checkpoint has hundreds of small tensors. */
const smallBytes = 1 << 15;

/** A file, read in the ranges asked for. */
async function fileSource(path: string, handles: FileHandle[]): Promise<RandomAccess> {
  const handle = await open(path);
  handles.push(handle);
  const { size } = await handle.stat();
  return {
    name: basename(path),
    size,
    read: async (offset, length, into) => {
      checkRange(basename(path), size, offset, length);
      const bytes = into && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
      for (let filled = 0; filled < length; ) {
        const [at, left] = [offset + filled, length - filled];
        const bytesRead = length <= smallBytes ? readSync(handle.fd, bytes, filled, left, at) : (await handle.read(bytes, filled, left, at)).bytesRead;
        if (bytesRead === 0) throw becameShorter(path);
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
  /** SHA-256 of the file itself (of a TensorFlow checkpoint: of its index). Reads it all, in a thread of its own. */
  readonly sha256: () => Promise<string>;
}

export interface WeightFileOptions {
  /** Begins to hash the file before it is looked at, where its SHA-256 will be asked for. */
  readonly hashAtOnce?: boolean;
  /** Of an archive of several files: the one that is meant, by its path or the end of it. */
  readonly member?: string | undefined;
}

/**
 * Opens a weight file, or a folder with one TensorFlow checkpoint or tfjs model, for as long as `use` runs.
 * @throws CheckpointError if there is no such file, or it is none that is known, or damaged
 */
export async function withWeightFile<T>(path: string, use: (file: OpenedFile) => Promise<T>, { hashAtOnce = false, member }: WeightFileOptions = {}): Promise<T> {
  const handles: FileHandle[] = [];
  let hashing: Hashing | null = null;
  try {
    const main = await mainFile(path);
    const folder = dirname(main);
    const source = await fileSource(main, handles);
    const { fd } = handles[0]!;
    const sha256 = async (): Promise<string> => {
      const sum = await (hashing ??= hashInThread(fd, source.size)).sha256;
      if (sum === null) throw becameShorter(main);
      return sum;
    };
    if (hashAtOnce) sha256().catch(() => undefined);
    const container = await openContainer(source, {
      member,
      findBeside: async (name) => {
        const beside = join(folder, name);
        // Names come out of the file; none may lead elsewhere.
        if (!beside.startsWith(folder === "." ? "" : folder + (folder.endsWith(sep) ? "" : sep)) || name.split(/[/\\]/).includes("..") || !(await isFile(beside))) return undefined;
        return fileSource(beside, handles);
      },
    });
    return await use({ container, name: source.name, bytes: source.size, sha256 });
  } finally {
    await (hashing as Hashing | null)?.stop();
    await Promise.all(handles.map((handle) => handle.close()));
  }
}

const becameShorter = (path: string): CheckpointError => new CheckpointError(`${basename(path)}: the file became shorter while it was read.`);

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
