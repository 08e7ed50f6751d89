import type { Shape } from "@roentgen/core";
import { tensor } from "../tensor.ts";
import { host64, type OpCase } from "../testing/op-case.ts";
import { dropout } from "./dropout.ts";
import { permute } from "./shape.ts";

/** Four draws of 32 bits: the published hash, written with 32-bit integer arithmetic. */
function pcg4d(start: readonly number[]): number[] {
  const v = start.map((n) => (Math.imul(n, 1664525) + 1013904223) >>> 0) as [number, number, number, number];
  const stir = () => {
    for (const [i, j, k] of [[0, 1, 3], [1, 2, 0], [2, 0, 1], [3, 1, 2]] as const) v[i] = (v[i] + Math.imul(v[j], v[k])) >>> 0;
  };
  stir();
  for (const i of [0, 1, 2, 3] as const) v[i] = (v[i] ^ (v[i] >>> 16)) >>> 0;
  stir();
  return v;
}

/** 1 where element i is kept on draw number `counter` of `seed`. */
export const kept = (i: number, seed: number, counter: number, p: number): number =>
  Number((pcg4d([Math.floor(i / 4), seed, counter, 0])[i % 4] ?? 0) >= Math.round(p * 2 ** 32));

/** The state is a copy of constants, made inside, so that each replay begins with the same one. */
export const dropoutCase = (shape: Shape, p: number, seed: number, counter: number): OpCase => ({
  name: `dropout [${shape}] p ${p} seed ${seed} draw ${counter}`,
  inputs: [{ shape }],
  run: (x) => dropout(x, permute(tensor(x.device, [seed, counter], [2], "u32"), [0]), { p }),
  reference: (x) => host64(shape, x.data.map((v, i) => (v * kept(i, seed, counter, p)) / (1 - p))),
});

export const cases: readonly OpCase[] = [
  dropoutCase([], 0.5, 1, 0),
  dropoutCase([7], 0.5, 2, 3),
  dropoutCase([3, 5, 4], 0.2, 4294967295, 1),
  dropoutCase([65, 67], 0.9, 12345, 4294967295),
];
