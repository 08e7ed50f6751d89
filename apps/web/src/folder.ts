// A person's own files, chosen or dropped: a data set by its paths below the folder that holds index.json, or images alone.

const mostFiles = 200_000;

/** The folder's files. Throws where it holds no index.json, or more files than any data set here. */
export function filesOfFolder(files: readonly { readonly path: string; readonly file: File }[]): Map<string, File> {
  const [index] = files.filter(({ path }) => path === "index.json" || path.endsWith("/index.json")).sort((a, b) => a.path.length - b.path.length);
  if (!index) throw new Error(`This folder has no index.json (files in it: ${files.length}). That lists the images, their labels or masks, and their splits. See “How should the folder look?” below.`);
  const root = index.path.slice(0, -"index.json".length);
  return new Map(files.flatMap(({ path, file }) => (path.startsWith(root) ? [[path.slice(root.length), file] as const] : [])));
}

/** The PNGs among files, in order of their paths; hidden ones are left out. Throws where there is none. */
export function pngsOf(files: readonly { readonly path: string; readonly file: File }[]): { path: string; file: File }[] {
  const pngs = files.filter(({ path }) => /\.png$/i.test(path) && !/(^|\/)\./.test(path));
  if (pngs.length === 0) throw new Error(`There is no PNG among these (files: ${files.length}). JPEG, DICOM and other formats are not read.`);
  return [...pngs].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Files of a directory input. */
export const filesOfInput = (list: FileList): { path: string; file: File }[] => [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** All files below what was dropped. Must be called at once in the drop's handler: the items do not outlive it. */
export async function filesOfDrop(items: DataTransferItemList): Promise<{ path: string; file: File }[]> {
  const waiting = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found: { path: string; file: File }[] = [];
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    if (found.length + waiting.length > mostFiles) throw new Error(`This folder has more than ${mostFiles} files. Choose one with fewer.`);
    if (entry.isFile) found.push({ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(entry as FileSystemFileEntry) });
    else waiting.push(...(await childrenOf(entry as FileSystemDirectoryEntry)));
  }
  return found;
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> => new Promise((resolve, reject) => entry.file(resolve, reject));

async function childrenOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  // A reader gives a hundred at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
