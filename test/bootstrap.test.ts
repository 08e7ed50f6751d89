import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { installForbidden } from "@roentgen/core";
import { describe, expect, it } from "vitest";
import {
  distributionSources,
  formatSources,
  majorVersion,
  parseDeb822Sources,
  parseOsRelease,
  parsePrintUris,
  parseSourcesList,
  resolverStatus,
} from "../scripts/apt-sources.mjs";
import { isInstalled, nodeComplaint, unlockedNatives } from "../scripts/dependencies.mjs";
import { driverCandidates, installCommand } from "../scripts/driver-choice.mjs";
import { installForbidden as forbiddenToScripts } from "../scripts/places.mjs";
import { closingLine, summarize } from "../scripts/summary.mjs";

const bookworm = { id: "debian", codename: "bookworm" };
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const mirror = "http://mirror.example/debian";

describe("apt sources", () => {
  it("reads one-line entries with and without options", () => {
    const text = [
      "# a comment",
      `deb ${mirror} bookworm main contrib # the release`,
      `deb-src ${mirror} bookworm main`,
      `deb [arch=amd64 signed-by=${keyring}] ${mirror} bookworm-updates main`,
      "deb broken",
    ].join("\n");
    expect(parseSourcesList(text)).toEqual([
      { uris: [mirror], suites: ["bookworm"], components: ["main", "contrib"], signedBy: undefined },
      { uris: [mirror], suites: ["bookworm-updates"], components: ["main"], signedBy: keyring },
    ]);
  });

  it("reads deb822 stanzas and leaves out what is disabled, source-only or signed by an embedded key", () => {
    const text = [
      "# a comment",
      "Types: deb deb-src",
      `URIs: ${mirror}`,
      "Suites: bookworm",
      " bookworm-updates",
      "Components: main",
      `Signed-By: ${keyring}`,
      "",
      `Types: deb\nURIs: ${mirror}\nSuites: bookworm\nComponents: main\nEnabled: no`,
      "",
      `Types: deb-src\nURIs: ${mirror}\nSuites: bookworm\nComponents: main`,
      "",
      "Types: deb\nURIs: http://other.example\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----",
    ].join("\n");
    expect(parseDeb822Sources(text)).toEqual([
      { uris: [mirror], suites: ["bookworm", "bookworm-updates"], components: ["main"], signedBy: keyring },
    ]);
  });

  const release = { uris: [mirror], suites: ["bookworm"], components: ["main"], signedBy: keyring };
  const unsigned = { ...release, signedBy: undefined };
  const backports = { ...release, suites: ["bookworm-backports"] };
  const foreign = { ...release, uris: ["https://other.example"], signedBy: "/usr/share/keyrings/other.gpg" };
  const unsignedForeign = { ...foreign, signedBy: undefined };
  const security = { ...release, uris: ["http://mirror.example/debian-security"], suites: ["bookworm-security"] };
  it.each([
    ["adds backports from the release's own mirror", [release], true, [release, backports]],
    ["adds none that are configured already", [release, backports], true, [release, backports]],
    ["adds none unasked", [release], false, [release]],
    ["keeps security updates", [release, security], false, [release, security]],
    ["leaves out an archive with a key of its own", [foreign, release], false, [release]],
    ["leaves out an unsigned archive that is not named like the distribution", [unsignedForeign, unsigned], false, [unsigned]],
    ["leaves out other suites", [release, { ...release, suites: ["trixie"] }], false, [release]],
    ["leaves out media that cannot be fetched from", [{ ...release, uris: ["cdrom:[Debian]/"] }], false, []],
    ["has nothing where the release is not configured", [security], true, []],
  ])("%s", (_, sources, wanted, expected) => {
    expect(distributionSources(sources, bookworm, { backports: wanted })).toEqual(expected);
  });

  it("writes sources that name their key and ask for package lists alone", () => {
    expect(formatSources([unsigned], { architecture: "arm64", keyring })).toBe(
      `Types: deb\nURIs: ${mirror}\nSuites: bookworm\nComponents: main\nArchitectures: arm64\nTargets: Packages\nSigned-By: ${keyring}\n`,
    );
  });

  it("reads os-release with quotes and without a version", () => {
    expect(parseOsRelease('ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n')).toEqual({ id: "debian", like: [], codename: "bookworm", version: 12 });
    expect(parseOsRelease("ID=arch\nID_LIKE='a b'\n")).toEqual({ id: "arch", like: ["a", "b"], codename: "", version: Number.NaN });
  });

  it("shows the resolver what is installed, without relations, forgotten sources or half-removed packages", () => {
    const status = [
      "Package: libgbm1\nStatus: install ok installed\nSource: mesa (22.3)\nArchitecture: amd64\nVersion: 22.3.6",
      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1:1.2\nProvides: libz1\nDepends: libc6\nDescription: z\n longer",
      "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1",
    ].join("\n\n");
    expect(resolverStatus(status, { forget: ["mesa"], assume: ["xdg-utils", "zlib1g"], architecture: "amd64" })).toBe(
      [
        "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2\nArchitecture: amd64\nMulti-Arch: same\nProvides: libz1",
        "Package: xdg-utils\nStatus: install ok installed\nVersion: 999:0\nArchitecture: amd64\n",
      ].join("\n\n"),
    );
  });

  it("reads what apt would download, epochs decoded, other lines ignored", () => {
    const output = `Reading...\n'${mirror}/pool/l.deb' libllvm15_1%3a15.0.6-4+b1_amd64.deb 23100000 SHA256:00\n'${mirror}/x' broken`;
    expect(parsePrintUris(output)).toEqual([{ name: "libllvm15", version: "1:15.0.6-4+b1", file: "libllvm15_1%3a15.0.6-4+b1_amd64.deb", bytes: 23100000 }]);
  });

  it.each([
    ["25.0.7-2~bpo12+1", 25],
    ["1:3.2-1", 3],
    ["", Number.NaN],
  ])("takes from version %j the major %d", (version, major) => {
    expect(majorVersion(version)).toBe(major);
  });
});

describe("the choice of a driver", () => {
  const facts = { platform: "linux", force: "", chosen: "", devices: [] as string[], manifests: [] as string[], loader: true };
  const lvp = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
  const intel = "/usr/share/vulkan/icd.d/intel_icd.json";
  it.each([
    ["macOS has its own", { platform: "darwin" }, ["native"]],
    ["Windows has its own", { platform: "win32" }, ["native"]],
    ["a bare machine gets a private copy", {}, ["private"]],
    ["lavapipe of the system is tried before a copy", { manifests: [intel, lvp] }, ["software", "private"]],
    ["a GPU with its driver comes first", { devices: ["/dev/dri/renderD128"], manifests: [intel, lvp] }, ["hardware", "software", "private"]],
    ["a GPU without its driver is no use", { devices: ["/dev/nvidia0"], manifests: [lvp] }, ["software", "private"]],
    ["no driver works without the loader", { devices: ["/dev/dri/renderD128"], manifests: [intel, lvp], loader: false }, ["private"]],
    ["what the user chose comes before all", { chosen: "/x.json", devices: ["/dev/dri/renderD128"], manifests: [intel] }, ["chosen", "hardware", "private"]],
    ["private can be forced", { force: "private", chosen: "/x.json", manifests: [lvp] }, ["private"]],
    ["private can be forbidden", { force: "system", manifests: [lvp] }, ["software"]],
  ])("%s", (_, change, kinds) => {
    expect(driverCandidates({ ...facts, ...change }).map((candidate) => candidate.kind)).toEqual(kinds);
  });

  it.each([
    [{ id: "debian", like: [], codename: "bookworm", version: 12 }, "-t bookworm-backports mesa-vulkan-drivers libvulkan1"],
    [{ id: "debian", like: [], codename: "trixie", version: 13 }, "apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1"],
    [{ id: "linuxmint", like: ["ubuntu", "debian"], codename: "wilma", version: 22 }, "apt-get install"],
    [{ id: "rocky", like: ["rhel", "centos", "fedora"], codename: "", version: 9 }, "dnf install -y mesa-vulkan-drivers"],
    [{ id: "manjaro", like: ["arch"], codename: "", version: Number.NaN }, "pacman -S --needed vulkan-swrast"],
    [{ id: "opensuse-leap", like: ["suse", "opensuse"], codename: "", version: 15 }, "zypper install"],
    [{ id: "alpine", like: [], codename: "", version: 3 }, "apk add mesa-vulkan-swrast"],
    [{ id: "", like: [], codename: "", version: Number.NaN }, "lavapipe"],
  ])("tells %j the command for it", (os, part) => {
    expect(installCommand(os, mirror)).toContain(part);
  });

  it("names the machine's own mirror for backports", () => {
    expect(installCommand({ ...bookworm, like: [], version: 12 }, mirror)).toContain(`deb ${mirror} bookworm-backports main`);
  });
});

describe("dependencies", () => {
  it.each([
    ["20.19.0", true],
    ["20.18.3", false],
    ["18.20.0", false],
    ["22.0.0", true],
    ["24.11.1", true],
  ])("Node %s is accepted: %s", (version, accepted) => {
    expect(nodeComplaint(version) === undefined).toBe(accepted);
  });

  it.each([
    ["the same versions", { "node_modules/a": { version: "1.0.0" } }, true],
    ["another version", { "node_modules/a": { version: "1.0.1" } }, false],
    ["a missing package", {}, false],
  ])("compares the lock with an installation of %s", (_, installed, expected) => {
    const wanted = {
      "": { version: "0.1.0" },
      "packages/core": { version: "0.1.0" },
      "node_modules/@roentgen/core": { link: true, optional: true },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/other-platform": { version: "1.0.0", optional: true },
    };
    expect(isInstalled(wanted, installed)).toBe(expected);
  });

  it("finds native parts that the lock left out, for this machine only", () => {
    const optionalDependencies = { "@x/x-linux-x64-gnu": "1", "@x/x-linux-x64-musl": "1", "@x/x-darwin-arm64": "1", "@t/linux-64": "1", "@t/windows-64": "1" };
    const packages = { "node_modules/x": { optionalDependencies }, "node_modules/y/node_modules/@x/x-linux-x64-gnu": { version: "1" } };
    expect(unlockedNatives(packages, { platform: "linux", arch: "x64" })).toEqual(["@t/linux-64"]);
    expect(unlockedNatives(packages, { platform: "linux", arch: "x64", musl: true })).toEqual(["@t/linux-64", "@x/x-linux-x64-musl"]);
    expect(unlockedNatives(packages, { platform: "darwin", arch: "arm64" })).toEqual(["@x/x-darwin-arm64"]);
    expect(unlockedNatives(packages, { platform: "win32", arch: "x64" })).toEqual(["@t/windows-64"]);
  });

  it("are locked for every platform, or npm ci would refuse the lock file", () => {
    const { packages }: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } = JSON.parse(
      readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"),
    );
    const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, "")));
    const named = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !locked.has(name))).toEqual([]);
  });
});

it.each([["1", true], ["true", true], ["Yes", true], ["0", false], ["no", false], ["", false], [undefined, false]])("ROENTGEN_NO_INSTALL=%s means the same to the scripts and to the packages", (value, forbidden) => {
  const environment = { ROENTGEN_NO_INSTALL: value };
  expect([forbiddenToScripts(environment), installForbidden(environment)]).toEqual([forbidden, forbidden]);
});

describe("the closing line", () => {
  const file = (status: string, ...tests: string[]) => ({ name: "x.test.ts", status, assertionResults: tests.map((t) => ({ status: t })) });
  it.each([
    ["all passed", { numPassedTests: 3, testResults: [file("passed", "passed")] }, 0, "3 passed, 0 failed", 0],
    ["a test failed", { numPassedTests: 2, numFailedTests: 1, testResults: [file("failed", "failed", "passed")] }, 1, "2 passed, 1 failed", 1],
    ["a file did not load", { numPassedTests: 2, testResults: [file("failed"), file("passed", "passed")] }, 1, "2 passed, 1 failed", 1],
    ["an error outside all tests", { numPassedTests: 2, testResults: [file("passed", "passed")] }, 1, "2 passed, 1 failed", 1],
    ["no test ran", { numPassedTests: 0, testResults: [] }, 0, "0 passed, 0 failed", 1],
    ["no report was written", undefined, 0, "0 passed, 1 failed", 1],
    ["the run was interrupted", undefined, 130, "0 passed, 1 failed", 130],
  ])("counts when %s", (_, report, exitCode, line, expected) => {
    const counts = summarize(report, exitCode);
    expect(closingLine(counts)).toBe(line);
    expect(counts.exitCode).toBe(expected);
  });
});

describe("a child in the foreground", () => {
  const children = JSON.stringify(new URL("../scripts/children.mjs", import.meta.url).href);
  /** A process without a terminal that runs `script` as its foreground child and exits as the child did. */
  const parentOf = (script: string) => {
    const body = `const { runForeground } = await import(${children});
      process.exitCode = await runForeground(process.execPath, ["-e", ${JSON.stringify(script)}]);`;
    return spawn(process.execPath, ["--input-type=module", "-e", body], { stdio: ["ignore", "pipe", "ignore"] });
  };
  const waiting = `setInterval(() => {}, 1000); let got = 0;
    process.on("SIGINT", () => { got++; setTimeout(() => process.exit(40 + got), 300); });
    process.on("SIGTERM", () => process.exit(50)); console.log("ready");`;

  it("passes its exit status on", async () => {
    const [code] = await once(parentOf("process.exit(7)"), "exit");
    expect(code).toBe(7);
  });

  it.each([
    ["one interruption, once", ["SIGINT"], 41],
    ["two interruptions at once, as one", ["SIGINT", "SIGINT"], 41],
    ["a termination", ["SIGTERM"], 50],
  ] as const)("gets %s", async (_, signals, expected) => {
    const parent = parentOf(waiting);
    await once(parent.stdout, "data");
    for (const signal of signals) parent.kill(signal);
    const [code] = await once(parent, "exit");
    expect(code).toBe(expected);
  });
});
