import { describe, expect, it } from "vitest";
import { colourOf, dashOf, style } from "./style.ts";

/** Relative luminance and contrast of two colours (WCAG 2.2). */
const luminance = (hex: string): number => {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string): number => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
const values = (name: string): string[] => [...style.text.matchAll(new RegExp(`--${name}: (#[0-9a-f]{6})`, "g"))].map((m) => m[1] ?? "");

describe("style", () => {
  it.each(["light", "dark"])("every initialisation's colour is seen on the %s page", (scheme) => {
    const at = scheme === "light" ? 0 : 1;
    for (let i = 0; i < 8; i++) expect(contrast(values(`init-${i}`)[at] ?? "", values("paper")[at] ?? "")).toBeGreaterThan(3);
    expect(contrast(values("ink")[at] ?? "", values("paper")[at] ?? "")).toBeGreaterThan(7);
    expect(contrast(values("soft")[at] ?? "", values("paper")[at] ?? "")).toBeGreaterThan(4.5);
  });

  it("where colours repeat, dashes differ", () => {
    const looks = Array.from({ length: 32 }, (_, place) => `${colourOf(place)} ${dashOf(place)}`);
    expect(new Set(looks).size).toBe(32);
  });
});
