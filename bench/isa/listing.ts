// What AMD's compiler in Mesa says of a kernel (RADV_DEBUG=shaders,shaderstats): statistics, and the machine code in blocks.

export interface Compiled {
  readonly kernel: string;
  /** Vector registers of a thread. */
  readonly registers: number;
  /** Registers that did not fit and live in memory. */
  readonly spilled: number;
  /** Workgroup memory in bytes, granules of the hardware counted. */
  readonly sharedBytes: number;
  /** Subgroups that a SIMD unit holds at a time, as far as registers and workgroup memory go. */
  readonly subgroups: number;
  readonly codeBytes: number;
  readonly instructions: number;
  /** The block with most multiply-adds: an inner loop, if the kernel has one that multiplies. */
  readonly hot: Block | null;
  readonly assembly: string;
}

/** Instructions of a block without branches. */
export interface Block {
  readonly name: string;
  /** Multiply-adds of vectors, and products of matrices. */
  readonly multiplyAdds: number;
  /** All that the vector unit does, multiply-adds included. */
  readonly vector: number;
  /** Reads and writes of workgroup memory. */
  readonly shared: number;
  /** Reads and writes of memory. */
  readonly memory: number;
  readonly all: number;
}

/** What `compile.ts` writes before and after a kernel. */
export const [opening, closing] = ["@@@ kernel ", "@@@ end"];

const multiplies = /^v_(?:dual_)?(?:fma|fmac|mac_f|mad_f|pk_fma|wmma|dot)/;

/** The kernels of a listing, in order. */
export function kernelsOf(listing: string): Compiled[] {
  return listing.split(opening).slice(1).map((text) => {
    const [kernel = "", ...lines] = (text.split(closing)[0] ?? "").split("\n");
    const statistic = (name: string) => {
      const line = lines.findLast((text) => text.startsWith(`${name}: `));
      if (!line) throw new Error(`the driver's listing of ${kernel} has no line "${name}".`);
      return Number(line.slice(name.length + 2));
    };
    const assembly = lines.slice(lines.findLastIndex((line) => line.startsWith("BB0:"))).filter((line) => /^(?:BB\d+:|\t)/.test(line));
    const hot = blocksOf(assembly).reduce<Block | null>((most, block) => (block.multiplyAdds > (most?.multiplyAdds ?? 0) ? block : most), null);
    return {
      kernel, registers: statistic("VGPRs"), spilled: statistic("Spilled VGPRs"), sharedBytes: statistic("LDS size"), subgroups: statistic("Subgroups per SIMD"),
      codeBytes: statistic("Code size"), instructions: statistic("Instructions"), hot, assembly: assembly.join("\n"),
    };
  });
}

function blocksOf(assembly: readonly string[]): Block[] {
  const blocks: { name: string; instructions: string[] }[] = [];
  for (const line of assembly) {
    const [word = ""] = line.trim().split(/\s/);
    if (line.startsWith("BB")) blocks.push({ name: word.replace(":", ""), instructions: [] });
    else blocks.at(-1)?.instructions.push(word);
  }
  return blocks.map(({ name, instructions }) => {
    const count = (what: RegExp) => instructions.filter((instruction) => what.test(instruction)).length;
    return { name, multiplyAdds: count(multiplies), vector: count(/^v_/), shared: count(/^ds_/), memory: count(/^(?:buffer|global|image)_/), all: count(/^[a-z]+_/) };
  });
}
