import { hostTensor } from "@roentgen/core";
import { expect, it } from "vitest";
import { type InitSource, oneAtATime, randomInit } from "./inits.ts";

it("oneAtATime loads again only after another, and refuses a name that nobody knows", async () => {
  const asked: string[] = [];
  const source = (name: string): InitSource => ({
    description: name,
    load: async () => {
      asked.push(name);
      return { kind: "weights", tensors: new Map([["w", hostTensor("f32", [1])]]), numerics: undefined };
    },
  });
  const load = oneAtATime(new Map([["a", source("a")], ["b", source("b")], ["random", randomInit]]));
  const first = await load("a");
  expect(await load("a")).toBe(first);
  await load("b");
  expect(await load("a")).not.toBe(first);
  expect(await load("random")).toEqual({ kind: "random" });
  expect(asked).toEqual(["a", "b", "a"]);
  await expect(load("c")).rejects.toThrowErrorMatchingInlineSnapshot(`[ConfigError: there is no initialisation named "c". Known: a, b, random.]`);
});
