// Unpacked data in memory: what an archive's members become, for nothing is ever unpacked to disk.
import { CheckpointError } from "@roentgen/core";
import { checkRange, type RandomAccess } from "../random-access.ts";

const pageBytes = 1 << 20;

/** What packed weights expand to at most; many times more than they do. */
export const mostRatio = 20;
export const fromNothingBytes = 128 * 2 ** 20;

/**
 * What one file may unpack to in all, archives in archives and second unpackings included: it bounds the memory that this takes, and
 * the time. Weights hardly compress. Zeros do, so that a part may come from next to nothing.
 */
export class UnpackAllowance {
  #left = 384 * 2 ** 20;
  #fromNothing = fromNothingBytes;

  /**
   * @param packedBytes  of what becomes these bytes
   * @throws CheckpointError where that is too much
   */
  take(bytes: number, packedBytes: number, who: string): void {
    this.#left -= bytes;
    this.#fromNothing -= Math.max(0, bytes - mostRatio * packedBytes);
    if (this.#fromNothing < 0) throw new CheckpointError(`${who}: ${packedBytes} packed bytes hold ${bytes} or more. Weights do not compress like that; unpack the file yourself if you trust it.`);
    if (this.#left < 0) throw new CheckpointError(`${who}: unpacks to more than the 384 MiB that are kept in memory. Unpack it yourself, or name the file in it that you want with --member.`);
  }
}

/** Bytes that arrive a piece at a time. They are kept in pages, so that nothing is allocated before it is there, or copied to grow. */
export class Pages {
  readonly #pages: Uint8Array[] = [];
  readonly #pageBytes: number;
  #size = 0;

  /** @param expected  bytes that are said to come, which may be a lie */
  constructor(expected = pageBytes) {
    this.#pageBytes = Math.min(Math.max(expected, 64), pageBytes);
  }

  get size(): number {
    return this.#size;
  }

  add(piece: Uint8Array): void {
    for (let from = 0; from < piece.length; ) {
      const at = this.#size % this.#pageBytes;
      if (at === 0) this.#pages.push(new Uint8Array(this.#pageBytes));
      const part = piece.subarray(from, from + this.#pageBytes - at);
      this.#pages.at(-1)!.set(part, at);
      this.#size += part.length;
      from += part.length;
    }
  }

  source(name: string): RandomAccess {
    const size = this.#size;
    return {
      name,
      size,
      read: async (offset, length, into) => {
        checkRange(name, size, offset, length);
        const first = Math.floor(offset / this.#pageBytes);
        const start = offset - first * this.#pageBytes;
        if (start + length <= this.#pageBytes) return length === 0 ? new Uint8Array() : this.#pages[first]!.subarray(start, start + length);
        const out = into && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
        for (let filled = 0, page = first; filled < length; page++) {
          const part = this.#pages[page]!.subarray(page === first ? start : 0).subarray(0, length - filled);
          out.set(part, filled);
          filled += part.length;
        }
        return out;
      },
    };
  }
}

/** Reads from front to back what comes in pieces. */
export class PieceReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #waiting: Uint8Array = new Uint8Array();

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `count` bytes, which stay to be read; fewer at the end. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#waiting.length < count) {
      const { value, done } = await this.#pieces.next();
      if (done) break;
      const joined = new Uint8Array(this.#waiting.length + value.length);
      joined.set(this.#waiting);
      joined.set(value, this.#waiting.length);
      this.#waiting = joined;
    }
    return this.#waiting.subarray(0, count);
  }

  /** Moves the next `count` bytes to `target`, or past it; Infinity for all. Returns whether as many were there. */
  async pass(count: number, target?: Pages): Promise<boolean> {
    for (let left = count; left > 0; ) {
      if (this.#waiting.length === 0) {
        const { value, done } = await this.#pieces.next();
        if (done) return false;
        this.#waiting = value;
      }
      const part = this.#waiting.subarray(0, left);
      target?.add(part);
      this.#waiting = this.#waiting.subarray(part.length);
      left -= part.length;
    }
    return true;
  }
}
