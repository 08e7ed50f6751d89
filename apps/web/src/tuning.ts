// Kernels found by measurement, kept by the browser (IndexedDB) from one visit to the next: one entry for each adapter and version
// of the shaders. Where a browser refuses to keep anything, as in some private windows, they are measured again.

import type { Device } from "@roentgen/gpu";
import { type OpenTask, parseTuning, type Tuning, tuningFor, type Winners, winnersOf } from "@roentgen/tensor";

const [database, shelf] = ["roentgen", "tunings"] as const;

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB refused a request."));
  });

async function shelved<T>(mode: IDBTransactionMode, use: (shelf: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open(database, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(shelf);
  const db = await settled(opening);
  try {
    return await settled(use(db.transaction(shelf, mode).objectStore(shelf)));
  } finally {
    db.close();
  }
}

/** What was measured under this identity; null if nothing was, or nothing can be kept. */
export async function readTuning(identity: string): Promise<Tuning | null> {
  const text = await shelved<unknown>("readonly", (shelf) => shelf.get(keyOf(identity))).catch(() => null);
  const tuning = typeof text === "string" ? parseTuning(text) : null;
  return tuning?.identity === identity ? tuning : null;
}

const writeTuning = (tuning: Tuning): Promise<unknown> => shelved("readwrite", (shelf) => shelf.put(JSON.stringify(tuning), keyOf(tuning.identity)));

/** A page is not told of the driver; a browser's next version may bring another compiler of shaders. */
const keyOf = (identity: string): string => `${navigator.userAgent} ${identity}`;

/** The fastest kernels for these tasks as far as they are known, all of them if `measure` asks for it. */
export async function kernelsFor(device: Device, tasks: readonly OpenTask[], { measure, signal, tell }: { measure: boolean; signal: AbortSignal; tell: (text: string) => void }): Promise<Winners> {
  const tuning = await tuningFor(device, tasks, { read: readTuning, write: writeTuning }, {
    measure, signal, onProgress: (done, all) => tell(`Measuring kernels: ${done} of ${all} shapes …`),
    onLost: () => tell("This browser keeps nothing: the kernels will be measured again next time."),
  });
  return winnersOf(tuning);
}
