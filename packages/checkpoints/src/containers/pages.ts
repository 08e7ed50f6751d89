// Unpacked data in memory: what an archive's members become, for nothing is ever unpacked to disk.
import { CheckpointError } from "@roentgen/core";
import { checkRange, type RandomAccess } from "../random-access.ts";

/** What Node unpacks into at a time. */
export const pageBytes = 1 << 20;

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

/** Bytes that arrive a piece at a time. The pieces are kept as they are: nothing is allocated before it is there, or copied to grow. */
export class Pages {
  readonly #pages: Uint8Array[] = [];
  /** Where each page begins. */
  readonly #starts: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param piece  stays as it is from now on */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    const last = this.#pages.at(-1);
    // Neighbours in one buffer are one page.
    if (last && last.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset) {
      this.#pages[this.#pages.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + piece.length);
    } else {
      this.#pages.push(piece);
      this.#starts.push(this.#size);
    }
    this.#size += piece.length;
  }

  source(name: string): RandomAccess {
    const [size, pages, starts] = [this.#size, this.#pages, this.#starts];
    return {
      name,
      size,
      read: async (offset, length, into) => {
        checkRange(name, size, offset, length);
        if (length === 0) return new Uint8Array();
        let page = lastAtMost(starts, offset);
        const first = pages[page]!.subarray(offset - starts[page]!);
        if (first.length >= length) return first.subarray(0, length);
        const out = into && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
        out.set(first);
        for (let filled = first.length; filled < length; ) {
          const part = pages[++page]!.subarray(0, length - filled);
          out.set(part, filled);
          filled += part.length;
        }
        return out;
      },
    };
  }
}

/** The last index whose value is at most `value`; the first value is. */
function lastAtMost(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
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
