import { describe, expect, it } from "vitest";
import { embeddedPng, html, Markup, plain } from "./html.ts";

describe("html", () => {
  it.each([
    ["text in an element", html`<b>${"<script>&"}</b>`, "<b>&lt;script&gt;&amp;</b>"],
    ["a quote in an attribute", html`<b title="${'" onload="x'}"></b>`, '<b title="&quot; onload=&quot;x"></b>'],
    ["markup, as it is", html`<p>${html`<i>${"&"}</i>`}</p>`, "<p><i>&amp;</i></p>"],
    ["a list, without commas", html`${["a", html`<b>b</b>`]}`, "a<b>b</b>"],
    ["a number", html`${0}`, "0"],
    ["nothing", html`[${null}${undefined}]`, "[]"],
    ["control characters", html`${"a\u0000\u001b[2Jb\u202ec"}`, "a\ufffd\ufffd[2Jb\ufffdc"],
  ])("puts in %s", (_, made, text) => {
    expect(made).toBeInstanceOf(Markup);
    expect(made.text).toBe(text);
  });

  it("keeps line breaks and letters of any script", () => {
    expect(plain("Röntgen\n日本\t±")).toBe("Röntgen\n日本\t±");
  });

  it.each([
    ["data:image/png;base64,iVBORw0KGgo=", true],
    ["data:image/png;base64,", false],
    ["data:image/svg+xml;base64,PHN2Zz4=", false],
    ["https://example.org/a.png", false],
    ['data:image/png;base64,AA==" onload="x', false],
    ["data:image/png;base64,AA==\n", false],
  ])("%s as an embedded picture: %s", (uri, embedded) => {
    expect(embeddedPng(uri) === uri).toBe(embedded);
  });
});
