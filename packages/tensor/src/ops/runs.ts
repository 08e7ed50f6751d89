/**
 * How the pixels of a row are dealt to threads, where a thread makes several so that finding out where it is costs less. A
 * software driver has few threads and likes long loops; a GPU wants many threads.
 */
export function runsOf(pixels: number, software: boolean): { readonly per_thread: number; readonly runs: number } {
  const runs = Math.ceil(pixels / (software ? 32 : 4));
  return { per_thread: Math.ceil(pixels / runs), runs };
}
