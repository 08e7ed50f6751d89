// Seeded random numbers. Every draw on the host comes from an Rng whose seed is recorded, so that the same seed gives the
// same bits on every machine: only integer arithmetic and the five exactly rounded float operations decide a draw; normal()
// also uses log, which V8 computes in portable software (fdlibm).

/** 32-bit FNV-1a of a string's UTF-16 code units, low byte first. */
export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}

/** One step of splitmix32: mixes a 32-bit counter into 32 well-spread bits. */
export function mix32(counter: number): number {
  let z = (counter + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

export type RngState = readonly [number, number, number, number];

/** xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. */
export class Rng {
  #s: [number, number, number, number];

  constructor(seed: number | RngState) {
    if (typeof seed !== "number") {
      this.#s = [...seed];
      return;
    }
    const high = Math.floor(seed / 2 ** 32) >>> 0;
    const word = (i: number) => mix32(mix32((seed >>> 0) + Math.imul(i, 0x9e3779b9)) ^ high);
    this.#s = [word(1), word(2), word(3), word(4) | 1];
  }

  /** A generator of its own for a purpose: `Rng.for(seed, "shuffle", epoch)`. Independent of draws made elsewhere. */
  static for(seed: number, ...purpose: (string | number)[]): Rng {
    return new Rng(purpose.reduce<number>((h, part) => mix32(h ^ hashString(String(part))), mix32(seed >>> 0)));
  }

  /** All there is to resume from. */
  get state(): RngState {
    return [...this.#s];
  }

  /** 32 random bits. */
  u32(): number {
    const s = this.#s;
    const r = Math.imul(s[1], 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [low, high), 32 bits fine. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.u32() / 2 ** 32);
  }

  /** Uniform integer in [0, n), without bias. */
  int(n: number): number {
    const limit = 2 ** 32 - (2 ** 32 % n);
    let draw = this.u32();
    while (draw >= limit) draw = this.u32();
    return draw % n;
  }

  /** Normal (Marsaglia's polar form of Box and Muller): no trigonometry, about 1.3 pairs of uniforms a value. */
  normal(mean = 0, sd = 1): number {
    for (;;) {
      const u = this.u32() / 2 ** 31 - 1;
      const v = this.u32() / 2 ** 31 - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) return mean + sd * u * Math.sqrt((-2 * Math.log(square)) / square);
    }
  }

  /** A shuffled copy (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = out[i] as T;
      out[i] = out[j] as T;
      out[j] = held;
    }
    return out;
  }
}
