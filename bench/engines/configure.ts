/** Sets threads and BLAS on a build of the library, which may be too old to know them. */

interface Switches {
  readonly setNumThreads?: (count: number) => void;
  readonly getNumThreads?: () => number;
  readonly backends?: { readonly blas?: { enabled: boolean; readonly available?: boolean; readonly name?: unknown } };
}

/** Does what it can, and says what it could not. */
export function configure(torch: object, threads: number, blas: boolean): string[] {
  const { setNumThreads, getNumThreads, backends } = torch as Switches;
  const notes: string[] = [];
  if (setNumThreads === undefined) notes.push("threads cannot be chosen");
  else setNumThreads(threads);
  const got = getNumThreads?.() ?? 1;
  if (got !== threads) notes.push(`runs on ${got} thread(s)`);
  const part = backends?.blas;
  if (part === undefined) {
    if (blas) notes.push("no BLAS in this build");
    return notes;
  }
  part.enabled = blas;
  if (blas && part.available === false) notes.push("no BLAS found on this machine");
  return notes;
}
