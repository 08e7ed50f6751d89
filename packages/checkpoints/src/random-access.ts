// Bytes that can be read anywhere: a file, a Blob in a tab, a member of an archive, memory. What reads containers asks for the
// ranges it needs, so a file of gigabytes costs the memory of its headers until a tensor is wanted.
import { CheckpointError } from "@roentgen/core";

export interface RandomAccess {
  /** Who speaks in errors: the file's name, and the member's inside an archive. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /**
   * Exactly `length` bytes from `offset`; the caller does not write to them.
   * @param into  memory that they may be put into, which spares the source from taking fresh memory. They may also lie elsewhere
   * @throws CheckpointError if the range reaches beyond the end
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
}

/** Throws CheckpointError unless the range lies inside `size` bytes. Every read of every source begins with this. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > size) {
    throw new CheckpointError(`${name}: bytes ${offset} to ${offset + length} are wanted, ${size} are there. The file is cut off or damaged.`);
  }
}

/** Bytes in memory. Reads are views of them. */
export const memorySource = (bytes: Uint8Array, name: string): RandomAccess => ({
  name,
  size: bytes.length,
  read: async (offset, length) => {
    checkRange(name, bytes.length, offset, length);
    return bytes.subarray(offset, offset + length);
  },
});

/** A Blob or File of a browser (or of Node), read in the ranges asked for. */
export const blobSource = (blob: Blob, name: string): RandomAccess => ({
  name,
  size: blob.size,
  read: async (offset, length) => {
    checkRange(name, blob.size, offset, length);
    return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
  },
});

/** A range of a source, as a source. */
export function windowOf(source: RandomAccess, offset: number, length: number, name = source.name): RandomAccess {
  checkRange(name, source.size, offset, length);
  return {
    name,
    size: length,
    read: async (from, count, into) => {
      checkRange(name, length, from, count);
      return source.read(offset + from, count, into);
    },
  };
}

const chunkBytes = 1 << 20;

/** All of a source, a mebibyte at a time. A chunk is good until the next is asked for: their memory is the same. */
export async function* chunksOf(source: RandomAccess): AsyncGenerator<Uint8Array> {
  const into = new Uint8Array(Math.min(chunkBytes, source.size));
  for (let at = 0; at < source.size; at += chunkBytes) yield source.read(at, Math.min(chunkBytes, source.size - at), into);
}

/** Reads a source from front to back. Numbers are synchronous: `refill` first, whenever `low` says so. */
export class ByteCursor {
  readonly #source: RandomAccess;
  #window: Uint8Array = new Uint8Array();
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Where the window begins in the source. */
  #start: number;
  #at = 0;

  constructor(source: RandomAccess, position = 0) {
    this.#source = source;
    this.#start = position;
  }

  get source(): RandomAccess {
    return this.#source;
  }

  get position(): number {
    return this.#start + this.#at;
  }

  get remaining(): number {
    return this.#source.size - this.position;
  }

  /** Whether fewer than `count` bytes are at hand although the source has more. */
  low(count: number): boolean {
    const left = this.#window.length - this.#at;
    return left < count && left < this.remaining;
  }

  /** Brings in the next stretch of the source. */
  async refill(count = 0): Promise<void> {
    const position = this.position;
    this.#window = await this.#source.read(position, Math.min(Math.max(count, chunkBytes), this.remaining));
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.byteLength);
    this.#start = position;
    this.#at = 0;
  }

  /** The next `count` bytes. Throws CheckpointError if they are not at hand. */
  take(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#window.subarray(at, at + count);
  }

  /** Steps over bytes that need not be at hand, and returns them as a source. */
  skip(count: number): RandomAccess {
    const passed = windowOf(this.#source, this.position, count);
    if (this.#at + count <= this.#window.length) {
      this.#at += count;
    } else {
      this.#start = this.position + count;
      this.#at = 0;
      this.#window = new Uint8Array();
    }
    return passed;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  /** Throws CheckpointError above 2^53. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#advance(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new CheckpointError(`${this.#source.name}: a length of ${value} at byte ${this.position - 8}. The file is damaged.`);
    return Number(value);
  }
  f64BigEndian(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A line of at most `most` bytes, one character a byte, without its newline. */
  line(most: number): string {
    const end = this.#window.subarray(this.#at, this.#at + most).indexOf(0x0a);
    if (end < 0) throw new CheckpointError(`${this.#source.name}: no end of line within ${most} bytes of byte ${this.position}. The file is cut off or damaged.`);
    const bytes = this.take(end + 1);
    return String.fromCharCode(...bytes.subarray(0, end));
  }

  #advance(count: number): number {
    if (this.#at + count > this.#window.length) checkRange(this.#source.name, this.#window.length + this.#start, this.position, count);
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
