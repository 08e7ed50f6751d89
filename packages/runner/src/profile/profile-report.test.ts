import { describe, expect, it } from "vitest";
import { choiceOf, choiceText } from "./profile-report.ts";

const task = (key: string, ...names: string[]) => ({ key, ways: names.map((name) => ({ name })) });
const tasks = [task("a", "lanes", "plain"), task("b", "winograd", "plain"), task("only one way", "plain"), task("c", "lanes", "plain")];
const tuning = (...winners: [string, string][]) => ({ winners: new Map(winners), date: "2026-11-20" });

describe("the choice of kernels", () => {
  it.each([
    ["no tuning", null, {}, "kernels: by rule"],
    ["a tuning of other shapes", tuning(["d", "lanes"]), {}, "kernels: by rule"],
    ["a tuning of some shapes", tuning(["a", "plain"], ["d", "lanes"]), { a: "plain" }, "kernels: 1 of 3 shapes tuned (2026-11-20), the rest by rule"],
    ["a winner that cannot compute the shape now", tuning(["a", "gone"], ["b", "winograd"]), { b: "winograd" }, "kernels: 1 of 3 shapes tuned (2026-11-20), the rest by rule"],
    ["a tuning of them all", tuning(["a", "plain"], ["b", "plain"], ["c", "plain"]), { a: "plain", b: "plain", c: "plain" }, "kernels: 3 of 3 shapes tuned (2026-11-20)"],
    ["a tuning without a date", { ...tuning(["a", "plain"]), date: null }, { a: "plain" }, "kernels: 1 of 3 shapes tuned, the rest by rule"],
  ])("with %s", (_, known, tuned, text) => {
    const choice = choiceOf(tasks, known);
    expect(choice).toMatchObject({ shapes: 3, tuned });
    expect(choiceText(choice)).toBe(text);
  });
});
