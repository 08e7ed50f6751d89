// What the converter says of a weight file, for the page.

import type { ConversionReport } from "@roentgen/checkpoints";

const sure = { certain: "", asked: ", as asked for", likely: "; the file's name decides", guess: "; a guess" } as const;

/** A line: what it is, and how sure that is. */
export function titleOf({ title, arch, sureness }: ConversionReport): string {
  const [, unet, depth] = /^(unet-)?resnet(\d+)$/.exec(arch) ?? [];
  return `ResNet-${depth}${unet ? ", the encoder of a U-Net" : ""}: ${title}${sure[sureness]}`;
}

/** Where it was, and which names are others now, were left out or filled in. */
export function detailsOf(report: ConversionReport): { readonly head: string; readonly lines: readonly string[] }[] {
  const { container, packedIn, path, because, alike, renamed, dropped, synthesised, fc, licence } = report;
  const part = (head: string, lines: readonly string[]) => (lines.length > 0 ? [{ head: `${head} (${lines.length})`, lines }] : []);
  return [
    { head: "Found", lines: [`${[...packedIn, container].join(" > ")}, ${path === "" ? "outermost dict" : path}`, ...because, ...(alike.length > 0 ? [`files of ${alike.join(", ")} look the same`] : []), `classifier: ${fc}`, `licence: ${licence}`] },
    ...part("Left out", dropped),
    ...part("Renamed", renamed.map(([from, to]) => `${from} → ${to}`)),
    ...part("Not in the file, filled with 0", synthesised),
  ];
}

/** A file's name without the endings of weight files and archives, and with ours. */
export const convertedName = (name: string): string => `${name.replace(/(\.(pth|pt|tar|tgz|gz|zip|pkl|npz|npy|bin|ckpt|index|safetensors))+$/i, "")}.safetensors`;
