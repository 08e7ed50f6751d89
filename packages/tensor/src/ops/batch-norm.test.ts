import { Buffer, type Device, nullDevice } from "@roentgen/gpu";
import { fromHalf, Rng, toHalf } from "@roentgen/core";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { checkOp, withDevice } from "../testing/check-op.ts";
import { messageOf } from "../testing/message-of.ts";
import { halved, host64, likeGpu, type OpCase, runCase, withoutHalf } from "../testing/op-case.ts";
import { checkpoint } from "../checkpoint.ts";
import { record, spec } from "../record.ts";
import { backward } from "../tape.ts";
import { empty, persistent, Tensor, tensor } from "../tensor.ts";
import { batchNorm, batchNormRelu } from "./batch-norm.ts";
import { add, mul } from "./binary.ts";
import { cast } from "./cast.ts";
import { batchNormCase, batchStatistics, cases, runningOf } from "./batch-norm.cases.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./shape.ts";

const shape = fc.tuple(fc.integer({ min: 2, max: 24 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 13 }));

checkOp("batchNorm", cases, {
  arbitrary: fc.tuple(shape, fc.boolean(), fc.boolean(), fc.boolean(), fc.nat(1000))
    .map(([s, train, relu, residual, seed]) => batchNormCase({ shape: s, train, relu, residual: relu && residual, seed, eps: 0.01 })),
});

// Columns enough for a workgroup each of a GPU's, with more and with fewer rows than it has threads, and for a thread each of a software driver's.
const many = [
  batchNormCase({ shape: [300, 1, 128], train: true, relu: true, seed: 3, eps: 1e-5 }), batchNormCase({ shape: [43, 7, 132], train: true, relu: true, residual: true, seed: 4, eps: 1e-5 }),
  batchNormCase({ shape: [9, 1, 260], train: true, seed: 5, eps: 0.01 }), batchNormCase({ shape: [37, 2, 260], train: true, relu: true, residual: true, twoWays: true, seed: 6, eps: 0.01 }),
];
const halves = (list: readonly OpCase[]) => list.map((c) => halved(c, (i) => i === 0 || i === 3));

withDevice("batchNorm with the kernels that it has for GPUs", (device) => {
  const odd = batchNormCase({ shape: [700, 1, 13], train: true, seed: 1, eps: 1e-5 });
  const tall = batchNormCase({ shape: [131, 127, 4], train: true, relu: true, residual: true, seed: 2, eps: 1e-5 });
  let [native, packed]: Device[] = [];
  beforeAll(() => {
    [native, packed] = [likeGpu(device()), likeGpu(withoutHalf(device()))];
  });
  it.each([...cases, odd, tall, ...many, ...halves([tall, ...many])].map((c) => [c.name, c] as const))("agrees with the float64 reference: %s", async (_, test) => {
    const half = test.inputs.some(({ dtype }) => dtype === "f16");
    for (const on of half ? [native, packed] : [native]) expect(await runCase(on as Device, { ...test, thorough: false })).toEqual([]);
  });
});

withDevice("batchNorm in columns, as software drivers take it", (device) => {
  const few = [[2, 1, 128], [3, 1, 132], [128, 4, 128]].map((shape) => batchNormCase({ shape, train: true, relu: true, residual: shape[2] === 132, seed: 7, eps: 0.01 }));
  const all = [...many, ...few];
  let [native, packed]: Device[] = [];
  beforeAll(() => {
    [native, packed] = [device(), withoutHalf(device())];
  });
  it.each([...all, ...halves(all)].map((c) => [c.name, c] as const))("agrees with the float64 reference: %s", async (_, test) => {
    const half = test.inputs.some(({ dtype }) => dtype === "f16");
    for (const on of half ? [native, packed] : [native]) expect(await runCase(on as Device, { ...test, thorough: false })).toEqual([]);
  });

  it("gives the same bits where a checkpoint runs it again", async () => {
    const channels = 128;
    const run = async (again: boolean) => {
      const [weight, bias] = [1, 2].map((k) => Object.assign(tensor(device(), Float32Array.from({ length: channels }, (_, i) => Math.sin(k + i))), { trainable: true })) as [Tensor, Tensor];
      const x = Object.assign(tensor(device(), Float32Array.from({ length: 100 * channels }, (_, i) => Math.sin(3 * i)), [100, channels]), { trainable: true });
      const running = runningOf(device(), channels);
      const part = (image: Tensor) => mul(batchNormRelu(image, weight, bias, null, { running, train: true }), image);
      const y = again ? checkpoint(part, x) : part(x);
      const gradients = backward(sum(mul(y, y)));
      return Promise.all([y, running.mean, running.variance, running.count, ...[x, weight, bias].map((of) => gradients.get(of) as Tensor)].map((t) => t.floats()));
    };
    expect(await run(true)).toEqual(await run(false));
  });
});

withDevice("batchNorm's statistics", (device) => {
  it("update the running ones as PyTorch does, also as parts of one buffer, and count the batch", async () => {
    // merged by one thread a channel, by workgroups, and in one dispatch with the sums, on either kind of device
    for (const [on, channels, rows] of [[device(), 8, 77], [device(), 5, 77], [device(), 128, 77], [likeGpu(device()), 8, 17_000], [likeGpu(device()), 5, 77], [likeGpu(device()), 128, 77]] as const) {
      const rng = Rng.for(1, "running");
      const data = Float64Array.from({ length: rows * channels }, () => Math.fround(rng.uniform(-1, 3)));
      const whole = persistent(on, [3 * 128], "running");
      whole.write(new Float32Array(3 * 128));
      const part = (size: number, at: number) => new Tensor(on, Buffer.part("part", size * 4, whole.buffer, at * 512), [size]);
      const running = { mean: part(channels, 0), variance: part(channels, 1), count: part(1, 2) };
      running.variance.write(new Float32Array(channels).fill(1));
      const [x, weight, bias] = [tensor(on, Float32Array.from(data), [rows, channels]), tensor(on, new Float32Array(channels)), tensor(on, new Float32Array(channels))];
      for (let step = 0; step < 2; step++) batchNorm(x, weight, bias, { running, train: true, momentum: 0.25 });
      const { mean, variance } = batchStatistics(host64([rows, channels], data));
      const [gotMean, gotVariance] = [await running.mean.floats(), await running.variance.floats()];
      for (let c = 0; c < channels; c++) {
        expect(gotMean[c]).toBeCloseTo((mean[c] ?? 0) * (1 - 0.75 ** 2), 6);
        expect(gotVariance[c]).toBeCloseTo(0.75 ** 2 + (1 - 0.75 ** 2) * (variance[c] ?? 0) * (rows / (rows - 1)), 6);
      }
      expect(await running.count.item()).toBe(2);
    }
  });

  it("stay accurate where the mean is far larger than the deviation", async () => {
    for (const [on, channels, offset, rows] of [[device(), 4, 100, 5000], [device(), 4, 10_000, 333], [device(), 4, -3000, 18], [device(), 128, 10_000, 333], [likeGpu(device()), 4, 100, 5000], [likeGpu(device()), 4, 100, 20_000], [likeGpu(device()), 128, 10_000, 333]] as const) {
      const rng = Rng.for(2, `${offset}`);
      const data = Float32Array.from({ length: rows * channels }, () => offset + rng.uniform(-1, 1));
      const running = runningOf(on, channels);
      const x = tensor(on, data, [rows, channels]);
      batchNorm(x, tensor(on, new Float32Array(channels).fill(1)), tensor(on, new Float32Array(channels)), { running, train: true, momentum: 1 });
      const { mean, variance } = batchStatistics(host64([rows, channels], Float64Array.from(data)));
      const [gotMean, gotVariance] = [await running.mean.floats(), await running.variance.floats()];
      for (let c = 0; c < channels; c++) {
        expect(Math.abs((gotMean[c] ?? 0) - (mean[c] ?? 0))).toBeLessThan(1.5e-7 * Math.abs(offset));
        expect((gotVariance[c] ?? 0) / ((variance[c] ?? 0) * (rows / (rows - 1)))).toBeCloseTo(1, 4);
      }
    }
  });

  it("are the same bit for bit from one run to the next", async () => {
    const rng = Rng.for(3, "repeat");
    const x = tensor(device(), Float32Array.from({ length: 1000 * 12 }, () => rng.uniform(-1, 1)), [1000, 12]);
    const run = () => batchNorm(x, tensor(device(), new Float32Array(12).fill(1)), tensor(device(), new Float32Array(12)), { running: runningOf(device(), 12), train: true }).floats();
    expect(await run()).toEqual(await run());
  });
});

describe("batchNormRelu", () => {
  const device = nullDevice();
  const runningAt = (c: number) => ({ mean: persistent(device, [c], "mean"), variance: persistent(device, [c], "variance"), count: persistent(device, [1], "count") });
  const count = (train: boolean, trainable: readonly string[], residual = true, channels = 8, rows = 4) => {
    const state = { running: runningAt(channels), train };
    const step = record(device, "count", (...inputs) => {
      const [x, weight, bias, added, dy] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
      for (const [name, t] of Object.entries({ x, weight, bias, added })) t.trainable = trainable.includes(name);
      const y = batchNormRelu(x, weight, bias, residual ? added : null, state);
      return y.node && trainable.length ? backward(y, dy) : new Map();
    }, [[rows, channels], [channels], [channels], [rows, channels], [rows, channels]].map((s) => ({ dtype: "f32" as const, shape: s })));
    return step.plan.dispatches.map((d) => d.kernel.entryPoint);
  };

  it("launches three kernels forward, three backward, and no more than the wanted gradients need", () => {
    const forward = 1;
    expect(count(true, ["x", "weight", "bias", "added"])).toHaveLength(6);
    expect(count(true, ["x", "weight", "bias"], false)).toHaveLength(6);
    expect(count(true, ["weight", "bias"])).toHaveLength(5);
    expect(count(true, ["added"]).slice(3)).toEqual(["backward"]);
    expect(count(false, ["x", "added"]).slice(forward)).toEqual(["coefficients_only", "backward_x_residual"]);
    expect(count(false, ["weight"]).slice(forward)).toEqual(["gradient_sums_residual", "merge_gradients"]);
    expect(count(false, [])).toEqual(["normalise_residual"]);
  });

  it("launches one kernel forward and one backward where rows are few and columns many", () => {
    expect(count(true, ["x", "weight", "bias", "added"], true, 128, 1024)).toEqual(["forward_residual", "backward_residual"]);
    expect(count(true, ["x", "weight", "bias"], false, 128, 1024)).toEqual(["forward", "backward"]);
    expect(count(true, ["weight", "bias"], true, 128, 1024)).toEqual(["forward_residual", "gradient_sums_residual", "merge_gradients"]);
    expect(count(true, ["added"], true, 128, 1024).slice(1)).toEqual(["backward"]);
    expect(count(false, [], true, 128, 1024)).toEqual(["normalise_residual"]);
    for (const [channels, rows] of [[128, 1025], [124, 512]] as const) expect(count(true, ["x", "weight", "bias"], false, channels, rows)).toHaveLength(6);
  });

  it("refuses shapes that do not fit", () => {
    const f32 = (...s: number[]) => empty(device, s);
    const running = runningAt(8);
    const good = { running, train: true };
    const bad: readonly (() => unknown)[] = [
      () => batchNorm(f32(8), f32(8), f32(8), good),
      () => batchNorm(f32(4, 8), f32(7), f32(8), good),
      () => batchNorm(f32(4, 8), f32(8), f32(8, 1), good),
      () => batchNorm(f32(4, 6), f32(6), f32(6), good),
      () => batchNorm(f32(1, 8), f32(8), f32(8), good),
      () => batchNormRelu(f32(4, 8), f32(8), f32(8), f32(8, 4), good),
      () => batchNormRelu(f32(4, 8), f32(8), f32(8), null, { ...good, running: { ...running, count: f32(2) } }),
    ];
    expect(device.record("bad", [], () => bad.map(messageOf)).result).toMatchInlineSnapshot(`
      [
        "ShapeError batchNorm: x expects f32 or f16[..., channels] of rank 2 or more, got f32[8]. Give a batch, not one value a channel.",
        "ShapeError batchNorm: weight expects f32[8], one value for each channel of x, got f32[7]. x is f32[4,8].",
        "ShapeError batchNorm: bias expects f32[8], one value for each channel of x, got f32[8,1]. x is f32[4,8].",
        "ShapeError batchNorm: running.mean expects f32[6], one value for each channel of x, got f32[8]. x is f32[4,6].",
        "ShapeError batchNorm: a training batch needs more than one value a channel, x is f32[1,8]. Use a larger batch, or train: false.",
        "ShapeError batchNormRelu: residual expects the shape and dtype of x, got f32[8,4]. x is f32[4,8].",
        "ShapeError batchNormRelu: running.count expects f32[1], got f32[2].",
      ]
    `);
  });
});

withDevice("a batch norm whose result goes two ways", (device) => {
  const kept = (on: Device, data: Float32Array, trainable = false) => {
    const made = persistent(on, [data.length], "kept");
    made.write(data);
    return Object.assign(made, { trainable });
  };

  it.each([
    [8, "f32", "batch-norm.two-gradients.gradient_sums", device],
    [7, "f32", "accumulate.scalar.forward", device],
    [8, "f16", "batch-norm.two-gradients.half.gradient_sums", device],
    [8, "f16", "batch-norm.two-gradients.packed.gradient_sums", () => withoutHalf(device())],
    [128, "f32", "batch-norm.columns.backward_two_ways", device],
    [128, "f16", "batch-norm.columns.half.backward_two_ways", device],
    [128, "f16", "batch-norm.columns.packed.backward_two_ways", () => withoutHalf(device())],
  ] as const)("adds the two gradients, with %d channels in %s by %s, to the same bits", async (channels, dtype, kernel, choose) => {
    const on = choose();
    const shape = [2, 5, 3, channels];
    const n = 30 * channels;
    const values = (k: number, size: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(k + 3 * i));
    const run = async (between: (y: Tensor) => Tensor) => {
      const [weight, bias] = [kept(on, values(1, channels), true), kept(on, values(2, channels), true)];
      const running = { mean: kept(on, values(3, channels)), variance: kept(on, values(4, channels)), count: kept(on, new Float32Array(1)) };
      const { plan } = record(on, "two ways", (x, residual) => {
        for (const input of [x, residual]) input.trainable = true;
        const stored = cast(x, dtype);
        const y = between(batchNormRelu(stored, weight, bias, cast(residual, dtype), { running, train: true }));
        const gradients = backward(sum(cast(add(add(mul(y, stored), y), mul(y, y)), "f32")));
        return [x, residual, weight, bias].map((of) => gradients.get(of) as Tensor);
      }, [spec("f32", shape), spec("f32", shape)]);
      const results = plan.run([values(5, n), values(6, n)]);
      return { bits: await Promise.all(results.map((x) => x.floats())), kernels: plan.dispatches.map((d) => d.kernel.name) };
    };
    const [passed, apart] = [await run((y) => y), await run((y) => reshape(y, shape))];
    expect(passed.kernels).toContain(kernel);
    expect(apart.kernels.filter((name) => /two-gradients|two_ways/.test(name))).toEqual([]);
    expect(passed.bits).toEqual(apart.bits);
  });

  // Every f16 beside what puts the sum on, just above and just below the middle between it and a neighbour, and beside random ones.
  // A channel holds an exponent's 1024 numbers of one sign, so that those that overflow spoil no other channel's sums.
  it.each([["natively", device], ["packed", () => withoutHalf(device())]] as const)("rounds every sum to f16 as a conversion does before it sums up, %s", async (_, choose) => {
    const on = choose();
    const [channels, fractions] = [64, 1024];
    const ulp = (word: number) => 2 ** (Math.max(1, (word >> 10) & 31) - 25);
    const rng = Rng.for(4, "every half");
    const seconds: readonly ((word: number) => number)[] = [
      () => 0, ...[0.5, 0.5 + 2 ** -9, 0.5 - 2 ** -10].flatMap((share) => [(word: number) => share * ulp(word), (word: number) => -share * ulp(word)]),
      (word) => ulp(word) * rng.uniform(-99, 99), () => fromHalf([rng.int(0x7800) | (rng.int(2) << 15)])[0] ?? NaN,
    ];
    const rows = seconds.length * fractions;
    const [firsts, others] = [new Uint16Array(rows * channels), new Uint16Array(rows * channels)];
    for (let channel = 0; channel < channels; channel++) {
      for (let row = 0; row < rows; row++) {
        const word = channel * fractions + (row % fractions);
        firsts[row * channels + channel] = word;
        others[row * channels + channel] = toHalf([(seconds[Math.floor(row / fractions)] as (word: number) => number)(word)])[0] ?? 0;
      }
    }
    const [dy, more] = [fromHalf(firsts), fromHalf(others)];
    const total = fromHalf(toHalf(dy.map((v, i) => v + (more[i] ?? NaN))));
    const run = async (between: (y: Tensor) => Tensor) => {
      const [weight, bias] = [kept(on, new Float32Array(channels).fill(1), true), kept(on, new Float32Array(channels).fill(9), true)];
      const { plan } = record(on, "every half", (x, a, b) => {
        const residual = Object.assign(cast(x, "f16"), { trainable: true });
        const y = between(batchNormRelu(cast(x, "f16"), weight, bias, residual, { running: runningOf(on, channels), train: true }));
        const gradients = backward(sum(cast(add(mul(y, cast(a, "f16")), mul(y, cast(b, "f16"))), "f32")));
        return [residual, weight, bias].map((of) => gradients.get(of) as Tensor);
      }, ["x", "a", "b"].map(() => spec("f32", [rows, channels])));
      const x = Float32Array.from({ length: rows * channels }, (_, i) => Math.sin(3 * i));
      const [sumOfBoth, ...sums] = await Promise.all(plan.run([x, dy, more]).map((result) => result.floats()));
      return { wrong: differences(sumOfBoth ?? [], total), sums };
    };
    const [passed, apart] = [await run((y) => y), await run((y) => reshape(y, [rows, channels]))];
    expect(passed.wrong).toEqual([]);
    expect(passed).toEqual(apart);
    expect(passed.sums.map((sums) => sums.filter(Number.isFinite).length)).toEqual([60, 60]);
  });
});

/** Where two arrays differ, a few of the places; NaN is NaN and 0 is not -0. */
function differences(got: ArrayLike<number>, want: Float32Array): string[] {
  const places = [...want.keys()].filter((i) => !Object.is(got[i], want[i]));
  return places.slice(0, 8).map((i) => `${i}: ${got[i]}, not ${want[i]}`);
}
