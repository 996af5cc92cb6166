/**
 * Sees to it that OpenBLAS uses the processor it runs on. A build for many processors chooses its kernels by family and
 * model; processors that came after it fall back to kernels of 2004, at a fifth of the speed. The choice can be made
 * anew with OPENBLAS_CORETYPE in the environment, which OpenBLAS reads while it chooses.
 * https://github.com/OpenMathLib/OpenBLAS/blob/develop/driver/others/dynamic.c
 */
import { type Library, optional } from "./koffi.ts";

/** Kernels for processors without AVX2. */
const OLD =
  /^(katmai|coppermine|northwood|prescott|banias|atom|core2|penryn|dunnington|nehalem|sandybridge|athlon|opteron|barcelona|bobcat|bulldozer|piledriver|steamroller|nano|generic)/i;

const VARIABLE = "OPENBLAS_CORETYPE";

/** What became of the kernels that the library chose at first. */
export interface CoreChoice {
  /** The kernels that it was made to choose instead, or null. */
  readonly chosen: string | null;
  /** Whether it is left with kernels that are older than the processor. */
  readonly slow: boolean;
  /** What happened, in words, or null where the library's own choice stands. */
  readonly note: string | null;
}

/** Makes the library choose better kernels where its choice is older than the processor. */
export function chooseCore(library: Library): CoreChoice {
  const core = coreOf(library);
  const better = core !== null && OLD.test(core) ? fittingCores() : [];
  // What the user chose stays.
  if (better.length === 0 || process.env[VARIABLE] !== undefined) return { chosen: null, slow: false, note: null };
  for (const name of better) {
    if (rechoose(library, name) && !OLD.test(coreOf(library) ?? "")) {
      return { chosen: name, slow: false, note: `kernels for ${name} instead of its own choice, ${core}` };
    }
  }
  const note = `not used, since its kernels for ${core} are older than this processor; set ${VARIABLE}=${better[0]}`;
  return { chosen: null, slow: true, note };
}

function coreOf(library: Library): string | null {
  const name = optional(() => (library.func("const char *openblas_get_corename()") as () => string)());
  return typeof name === "string" ? name : null;
}

interface Files {
  readFileSync(path: string, encoding: "utf8"): string;
}

/** Names of kernels that fit this processor, the best first; none where it has no AVX2 or cannot be asked. */
function fittingCores(): string[] {
  const files = process.getBuiltinModule("node:fs") as Files;
  const text = optional(() => files.readFileSync("/proc/cpuinfo", "utf8"));
  const flags = new Set(
    /^flags\s*:(.*)$/m
      .exec(text ?? "")?.[1]
      ?.trim()
      .split(/\s+/),
  );
  const has = (...names: string[]): boolean => names.every((name) => flags.has(name));
  if (!has("avx2", "fma")) return [];
  return has("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl") ? ["SkylakeX", "Haswell"] : ["Haswell"];
}

/** Lets the library choose again; nothing has been computed by it yet. */
function rechoose(library: Library, name: string): boolean {
  const call = (prototype: string): (() => void) => library.func(prototype) as () => void;
  const done = optional(() => {
    const [quit, init] = [call("void gotoblas_dynamic_quit()"), call("void gotoblas_dynamic_init()")];
    process.env[VARIABLE] = name; // in a worker this does not reach the library, which then chooses as before
    quit();
    init();
    return true;
  });
  delete process.env[VARIABLE];
  return done === true;
}
