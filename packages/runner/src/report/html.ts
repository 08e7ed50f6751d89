// Markup that cannot be injected into: whatever is put into a template is escaped, unless it is markup made here.

/** A piece of HTML that is safe to put into a page as it is. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | null | undefined | readonly Content[];

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as HTML that shows it, in an element or in a quoted attribute. Control characters become U+FFFD, as parsers would do. */
export const escapeHtml = (text: string): string => plain(text).replace(/[&<>"']/g, (c) => entities[c] ?? c);

/** Text without control characters (but for line breaks and tabs) and without marks that reorder what is around it. */
export const plain = (text: string): string => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

/** A template of HTML. Values are escaped; markup and lists of markup are not; null and undefined are nothing. */
export const html = (parts: TemplateStringsArray, ...values: Content[]): Markup =>
  new Markup(parts.reduce((all, part, i) => all + render(values[i - 1]) + part));

function render(value: Content): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(render).join("");
  return escapeHtml(String(value));
}

const pngUri = /^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/;

/** The address of an embedded PNG, or null: a page made from a stranger's report must not fetch anything. */
export const embeddedPng = (uri: string): string | null => (pngUri.test(uri) ? uri : null);
