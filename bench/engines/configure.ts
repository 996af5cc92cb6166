/** Sets threads and BLAS on a build of the library, which may be too old to know them. */

interface Switches {
  readonly setNumThreads?: (count: number) => void;
  readonly getNumThreads?: () => number;
  readonly backends?: { readonly blas?: Blas };
}

interface Blas {
  enabled: boolean;
  readonly isAvailable?: () => boolean;
  readonly name?: unknown;
}

/** What a build really runs with. */
export interface Configured {
  readonly notes: readonly string[];
  readonly blas: string | null;
}

function threadNotes({ setNumThreads, getNumThreads }: Switches, threads: number): string[] {
  if (setNumThreads === undefined) return ["threads cannot be chosen in this build"];
  setNumThreads(threads);
  const got = getNumThreads?.() ?? 1;
  return got === threads ? [] : [`runs on ${got} thread(s)`];
}

/** Does what it can, and says what it could not. */
export function configure(torch: object, threads: number, wanted: boolean): Configured {
  const switches = torch as Switches;
  const notes = threadNotes(switches, threads);
  const blas = switches.backends?.blas;
  if (blas === undefined) return { notes: wanted ? [...notes, "no BLAS in this build"] : notes, blas: null };
  blas.enabled = wanted;
  if (!wanted) return { notes, blas: null };
  if (blas.isAvailable?.() === false) return { notes: [...notes, "no BLAS found on this machine"], blas: null };
  return { notes, blas: String(blas.name ?? "BLAS") };
}
