import { nullDevice } from "@roentgen/gpu";
import { describe, expect, it } from "vitest";
import { candidates, choose, collectTasks, type Task, useTuning } from "./choice.ts";
import { spec } from "./record.ts";
import { empty } from "./tensor.ts";

interface Kind { readonly name: string; readonly price: number }

const task: Task<Kind> = {
  key: "double f32 4",
  families: [{ name: "plain", price: 9 }, { name: "fast", price: 1 }, { name: "unable", price: Infinity }, { name: "fair", price: 3 }],
  cost: ({ price }) => price,
  inputs: [spec("f32", [4])],
  compute: (_, x) => x ?? empty(nullDevice(), [4]),
};

describe("the family chosen for a task", () => {
  it("is the cheapest by prediction, and never one that cannot", () => {
    expect(candidates(task).map(({ name }) => name)).toEqual(["fast", "fair", "plain"]);
    expect(choose(nullDevice(), task).name).toBe("fast");
  });

  it.each([["fair", "fair"], ["unable", "fast"], ["forgotten", "fast"]])("is what measurement found, %s, if it can compute it: %s", (winner, want) => {
    const device = nullDevice();
    useTuning(device, new Map([[task.key, winner], ["another task", "plain"]]));
    expect(choose(device, task).name).toBe(want);
  });

  it("is asked for once for each task while collecting", () => {
    const device = nullDevice();
    const found = collectTasks(device, () => {
      choose(device, task);
      choose(device, task);
    });
    expect(found.map(({ key, ways }) => [key, ways.map(({ name }) => name)])).toEqual([["double f32 4", ["fast", "fair", "plain"]]]);
    expect(collectTasks(device, () => undefined)).toEqual([]);
  });
});
