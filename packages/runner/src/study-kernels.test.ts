import { nullDevice } from "@roentgen/gpu";
import { expect, it } from "vitest";
import { memoryStore } from "./store.ts";
import { keepKernels } from "./study-kernels.ts";

const first = new Map([["conv2d a", "lanes"]]);
const later = new Map([["conv2d a", "plain"]]);

it("keeps the kernels that a study began with", async () => {
  const store = memoryStore();
  expect(await keepKernels(store, nullDevice(), async () => first)).toEqual(first);
  expect(await keepKernels(store, nullDevice(), async () => later)).toEqual(first);
});

it("keeps that nothing was tuned", async () => {
  const store = memoryStore();
  await keepKernels(store, nullDevice(), async () => new Map());
  expect(await keepKernels(store, nullDevice(), async () => later)).toEqual(new Map());
});

it.each([
  ["of another adapter", JSON.stringify({ adapter: "another", winners: { "conv2d a": "plain" } })],
  ["that is no JSON", "?"],
  ["without winners", JSON.stringify({ adapter: "none" })],
])("replaces a choice %s", async (_, text) => {
  const store = memoryStore();
  await store.write("kernels.json", new TextEncoder().encode(text));
  expect(await keepKernels(store, nullDevice(), async () => first)).toEqual(first);
  expect(await keepKernels(store, nullDevice(), async () => later)).toEqual(first);
});
