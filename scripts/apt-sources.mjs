// Which package archives this machine already trusts, read from apt's own files.
//
// Pure functions over text. The private apt state (private-apt.mjs) must reach the same mirror in the same way as the
// machine does and must believe the same signing key; it never brings a mirror of its own.

/**
 * @typedef {object} AptSource
 * @property {string[]} uris
 * @property {string[]} suites
 * @property {string[]} components
 * @property {string | undefined} signedBy  path of a keyring, or undefined where apt's default keys are meant
 */

/**
 * Reads a one-line-style sources.list. Lines that are no binary archive (`deb-src`, comments, malformed) are left out.
 *
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseSourcesList(text) {
  const sources = [];
  for (const raw of text.split("\n")) {
    const line = raw.replace(/#.*$/, "").trim();
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+\S+)*)$/.exec(line);
    if (!match) continue;
    const [, bracket = "", uri = "", suite = "", components = ""] = match;
    const options = new Map(words(bracket).map((option) => splitOnce(option, "=")));
    sources.push({ uris: [uri], suites: [suite], components: words(components), signedBy: options.get("signed-by") });
  }
  return sources;
}

/**
 * Reads a deb822 `.sources` file. Disabled stanzas and stanzas without `Types: deb` are left out; a key that is
 * embedded in the stanza (and so has no path) counts as foreign and the stanza is left out as well.
 *
 * @param {string} text
 * @returns {AptSource[]}
 */
export function parseDeb822Sources(text) {
  const sources = [];
  for (const stanza of parseStanzas(text.replace(/^#.*\n?/gm, ""))) {
    const field = (/** @type {string} */ name) => words(stanza.get(name) ?? "");
    if (!field("types").includes("deb") || /^(no|false|off|0)$/i.test(stanza.get("enabled") ?? "")) continue;
    const signedBy = field("signed-by")[0];
    if (signedBy !== undefined && !signedBy.startsWith("/")) continue;
    sources.push({ uris: field("uris"), suites: field("suites"), components: field("components"), signedBy });
  }
  return sources;
}

/**
 * Splits control-file text (deb822) into stanzas, field names in lower case, continuation lines joined by newlines.
 *
 * @param {string} text
 * @returns {Map<string, string>[]}
 */
export function parseStanzas(text) {
  const stanzas = [];
  for (const block of text.split(/\n\s*\n/)) {
    const stanza = new Map();
    let last = "";
    for (const line of block.split("\n")) {
      if (/^\s/.test(line)) {
        if (last !== "") stanza.set(last, `${stanza.get(last)}\n${line.trim()}`.trim());
      } else if (line.includes(":")) {
        const [name, value] = splitOnce(line, ":");
        last = name.toLowerCase();
        stanza.set(last, value.trim());
      }
    }
    if (stanza.size > 0) stanzas.push(stanza);
  }
  return stanzas;
}

/**
 * Reads /etc/os-release.
 *
 * @param {string} text
 * @returns {{ id: string, like: string[], codename: string, version: number }}  version is NaN where none is given
 */
export function parseOsRelease(text) {
  const values = new Map(
    text.split("\n").filter((line) => line.includes("=")).map((line) => {
      const [key, value] = splitOnce(line, "=");
      return [key.trim(), value.trim().replace(/^(["'])(.*)\1$/, "$2")];
    }),
  );
  return {
    id: values.get("ID") ?? "",
    like: words(values.get("ID_LIKE") ?? ""),
    codename: values.get("VERSION_CODENAME") ?? "",
    version: Number.parseFloat(values.get("VERSION_ID") ?? ""),
  };
}

/**
 * The distribution's own archives among all that are configured: those whose suite is the release (or its updates,
 * security or backports) and whose key is the distribution's. Third-party archives often use the release's name as
 * their suite too, so the key decides, and a `main` component is asked for.
 *
 * `backports` adds the release's backports, from the same addresses as the release itself.
 *
 * @param {AptSource[]} sources
 * @param {{ id: string, codename: string }} os
 * @param {{ backports: boolean }} options
 * @returns {AptSource[]}  empty where the release itself is not configured
 */
export function distributionSources(sources, os, { backports }) {
  const own = sources.flatMap((source) => {
    if (source.signedBy !== undefined && !source.signedBy.includes(`${os.id}-archive`)) return [];
    if (!source.components.includes("main")) return [];
    const uris = source.uris.filter((uri) => /^(https?|file|copy|mirror|mirror\+\w+|tor\+https?):/.test(uri));
    const suites = source.suites.filter((suite) => releaseSuites(os.codename).includes(suite));
    return uris.length > 0 && suites.length > 0 ? [{ ...source, uris, suites }] : [];
  });
  // An archive without a key of its own is trusted only where it looks like the distribution's, or it would be asked
  // for files that it does not have.
  const looksOwn = (/** @type {AptSource} */ s) =>
    s.signedBy !== undefined || s.uris.every((uri) => new RegExp(`/${os.id}(-security|-ports)?/?$|ubuntu-ports/?$`).test(uri));
  const kept = own.some(looksOwn) ? own.filter(looksOwn) : own;
  const release = kept.find((source) => source.suites.includes(os.codename));
  if (!release) return [];
  const suite = `${os.codename}-backports`;
  if (backports && !kept.some((source) => source.suites.includes(suite))) {
    kept.push({ ...release, suites: [suite], components: ["main"] });
  }
  return kept;
}

/** @param {string} codename */
const releaseSuites = (codename) => [codename, ...["updates", "security", "backports"].map((s) => `${codename}-${s}`)];

/**
 * Writes sources in deb822 form, indices reduced to the package lists of one architecture.
 *
 * @param {AptSource[]} sources
 * @param {{ architecture: string, keyring: string }} options  keyring signs what names no key itself
 * @returns {string}
 */
export function formatSources(sources, { architecture, keyring }) {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uris.join(" ")}`,
        `Suites: ${source.suites.join(" ")}`,
        `Components: ${source.components.join(" ")}`,
        `Architectures: ${architecture}`,
        "Targets: Packages",
        `Signed-By: ${source.signedBy ?? keyring}`,
        "",
      ].join("\n"),
    )
    .join("\n");
}

/**
 * The package database as the resolver should see it: what is installed, without what the packages say about each
 * other. So nothing on the machine can be "broken", no installed package can stand in the way of an unpacked one, and
 * only what is really absent or too old is fetched.
 *
 * @param {string} status  the text of dpkg's status file
 * @param {{ forget: string[], assume: string[], architecture: string }} options
 *   forget: source packages to treat as absent; assume: packages to treat as present though they are not
 * @returns {string}
 */
export function resolverStatus(status, { forget, assume, architecture }) {
  const present = new Set();
  const stanzas = [];
  for (const stanza of parseStanzas(status)) {
    const name = stanza.get("package") ?? "";
    const source = (stanza.get("source") ?? name).replace(/\s.*$/, "");
    if (!/ ok installed$/.test(stanza.get("status") ?? "") || forget.includes(source)) continue;
    present.add(name);
    stanzas.push(stanza);
  }
  const text = stanzas.map((stanza) =>
    [
      `Package: ${stanza.get("package")}`,
      "Status: install ok installed",
      ...["Version", "Architecture", "Multi-Arch", "Provides"].flatMap((field) => {
        const value = stanza.get(field.toLowerCase());
        return value === undefined ? [] : [`${field}: ${value.replaceAll("\n", " ")}`];
      }),
    ].join("\n"),
  );
  for (const name of assume) {
    if (present.has(name)) continue;
    text.push(`Package: ${name}\nStatus: install ok installed\nVersion: 999:0\nArchitecture: ${architecture}`);
  }
  return `${text.join("\n\n")}\n`;
}

/**
 * Reads what `apt-get install --print-uris` says it would fetch.
 *
 * @param {string} output
 * @returns {{ name: string, version: string, file: string, bytes: number }[]}
 */
export function parsePrintUris(output) {
  const packages = [];
  for (const line of output.split("\n")) {
    const match = /^'[^']+'\s+(([^\s_]+)_([^\s_]+)_[^\s_]+\.deb)\s+(\d+)(\s|$)/.exec(line);
    if (!match) continue;
    const [, file = "", name = "", version = "", bytes = ""] = match;
    packages.push({ name, version: decodeURIComponent(version), file, bytes: Number(bytes) });
  }
  return packages;
}

/**
 * The upstream major version in a Debian version: `25` in `25.0.7-2~bpo12+1`, `3` in `1:3.2`.
 *
 * @param {string} version
 * @returns {number}  NaN where it starts with no number
 */
export function majorVersion(version) {
  return Number.parseInt(version.replace(/^\d+:/, ""), 10);
}

/**
 * @param {string} text
 * @param {string} separator
 * @returns {[string, string]}
 */
function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** @param {string} text */
const words = (text) => text.split(/\s+/).filter(Boolean);
