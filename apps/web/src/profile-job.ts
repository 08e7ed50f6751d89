// What the worker does for the profile panel: one workload from its name to numbers, pictures and files. The page draws what comes
// back and loads no engine.

import { openDevice } from "@roentgen/gpu/browser";
import {
  adapterName, bandwidthChart, ceilingTable, ceilingText, choiceText, chromeTrace, flame, type FlameBox, memoryText, methodText, profileHtml, type ProfileProgress, type ProfileReport, profileTables, profileWorkload, rooflineChart, type Table, titleOf, togglesText, type Warning, type Workload,
} from "@roentgen/runner";
import { tuningIdentity, winnersOf } from "@roentgen/tensor";
import { version } from "../package.json";
import type { MadeFile } from "./job.ts";
import { readTuning } from "./tuning.ts";

/** A profile as the page shows it. */
export interface ProfileView {
  readonly title: string;
  readonly facts: readonly string[];
  readonly warnings: readonly Warning[];
  readonly tables: readonly Table[];
  readonly flame: readonly FlameBox[];
  /** SVG without styles of its own, which the page's content policy would refuse. */
  readonly charts: readonly string[];
  readonly files: readonly MadeFile[];
}

/** Rows of the tables of layers and dispatches. */
const mostRows = 30;

/** A tab's clock is coarse, so that a repeat takes its time. */
const repeats = 3;

/** Profiles a workload on the browser's GPU. */
export async function profileJob(workload: Workload, onProgress: ProfileProgress): Promise<ProfileView> {
  const device = await openDevice();
  try {
    const tuning = await readTuning(tuningIdentity(device.info));
    return viewOf(await profileWorkload(device, workload, { roentgen: version, runtime: navigator.userAgent, repeats, tuning: tuning && { winners: winnersOf(tuning), date: null }, onProgress }));
  } finally {
    device.close();
  }
}

function viewOf(report: ProfileReport): ProfileView {
  const { adapter, workload, totalMs, roofMs, plain, dispatches } = report;
  const encoded = (text: string) => new TextEncoder().encode(text);
  return {
    title: titleOf(workload),
    facts: [
      `${dispatches.length} dispatches, ${totalMs.toFixed(2)} ms on the device; the ceilings allow ${roofMs.toFixed(2)} ms. A plain run takes ${plain.wallMs.toFixed(2)} ms, ${plain.encodeMs.toFixed(2)} of them to encode.`,
      `Ceilings, measured here: ${ceilingText(report.ceilings)}.`,
      `Memory: ${memoryText(report)}.`,
      `${methodText(report)} ${adapterName(adapter)}, ${adapter.software ? "software" : "a GPU"}; toggles ${togglesText(adapter)}; ${choiceText(report.choice)}.`,
    ],
    warnings: report.warnings,
    tables: [...profileTables(report, mostRows), ceilingTable(report)],
    flame: flame(dispatches, titleOf(workload)),
    charts: [rooflineChart(report), bandwidthChart(report)].flatMap((chart) => (chart ? [unstyled(chart.text)] : [])),
    files: [
      { name: "profile.html", type: "text/html", bytes: encoded(profileHtml(report)) },
      { name: "profile.json", type: "application/json", bytes: encoded(JSON.stringify(report)) },
      { name: "trace.json", type: "application/json", bytes: encoded(JSON.stringify(chromeTrace(report))) },
    ],
  };
}

/** Plot writes its style sheet and a style attribute into its SVG; style.css has what is needed of them. */
export const unstyled = (svg: string): string => svg.replace(/<style>[^<]*<\/style>/g, "").replace(/ style="[^"]*"/g, "");
