/** Garbage collection on demand, in the midst of a synchronous job, where the host has a way to it. */

interface Script {
  runInContext(context: object): unknown;
}

interface Vm {
  createContext(object: object, options: { microtaskMode: "afterEvaluate" }): object;
  runInNewContext(code: string): unknown;
  Script: new (code: string) => Script;
}

interface V8 {
  setFlagsFromString(flags: string): void;
}

interface Util {
  inspect(value: unknown, options: object): string;
}

/** What can find out, in the midst of a job, which objects are dead. */
export interface Collector {
  /** Collects everything: afterwards `deref()` of a WeakRef to a dead object is undefined. Some milliseconds. */
  full(): void;
  /** Collects young objects only: afterwards the dead ones are in no WeakSet. Some tens of microseconds. */
  young(): void;
  /** Makes every member of a set answer, or throws; the members' classes must have been given `answersListing`. */
  list(set: WeakSet<object>): void;
}

/** Makes instances of a class answer `Collector.list`. */
export function answersListing<T extends object>(type: { readonly prototype: T }, answer: (x: T) => void): void {
  const value = function (this: T): string {
    answer(this);
    return "";
  };
  Object.defineProperty(type.prototype, Symbol.for("nodejs.util.inspect.custom"), { value });
}

type Gc = (options?: { type: "minor" }) => void;

/**
 * A collection alone spares whatever a WeakRef was made of or asked for in the present job. The microtask checkpoint
 * at the end of a script in a context with its own queue ends that protection. A minor collection, which costs a
 * hundredth of a full one, clears no WeakRefs, but takes dead young keys out of weak collections; and `util.inspect`
 * with `showHidden` shows what is in those.
 */
function prepare(): Collector | null {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return null;
  const vm = process.getBuiltinModule("node:vm") as Vm | undefined;
  const v8 = process.getBuiltinModule("node:v8") as V8 | undefined;
  const util = process.getBuiltinModule("node:util") as Util | undefined;
  if (vm === undefined || v8 === undefined || util === undefined) return null;
  try {
    v8.setFlagsFromString("--expose-gc");
    const gc = vm.runInNewContext("gc") as Gc | undefined;
    if (typeof gc !== "function") return null;
    const context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
    const checkpoint = new vm.Script("");
    const all = {
      showHidden: true,
      maxArrayLength: Number.POSITIVE_INFINITY,
      depth: 1,
      customInspect: true,
      compact: 3,
    };
    const collector: Collector = {
      full() {
        checkpoint.runInContext(context);
        gc();
      },
      young() {
        checkpoint.runInContext(context);
        gc({ type: "minor" });
      },
      list(set) {
        const text = util.inspect(set, all);
        // With little stack left, `inspect` breaks off without an error.
        if (!text.startsWith("WeakSet {")) throw new RangeError("Maximum call stack size exceeded");
      },
    };
    return worksInFull(collector) && worksOnYoung(collector) ? collector : null;
  } catch {
    return null; // another engine under Node's names
  }
}

// Several, made in another function: a stack slot or register may keep one of them.
const weakRefs = (): WeakRef<object>[] => Array.from({ length: 8 }, () => new WeakRef({}));

/** Whether an object of this very job dies. */
function worksInFull(collector: Collector): boolean {
  const refs = weakRefs();
  collector.full();
  return refs.some((ref) => ref.deref() === undefined);
}

class Probe {}

function addProbes(set: WeakSet<object>, count: number): Probe[] {
  const probes = Array.from({ length: count }, () => new Probe());
  for (const probe of probes) set.add(probe);
  return probes;
}

/** Whether dead young objects leave a WeakSet, and whether all living ones are listed. */
function worksOnYoung(collector: Collector): boolean {
  const set = new WeakSet();
  const kept = addProbes(set, 100);
  addProbes(set, 100);
  let answers = 0;
  answersListing(Probe, () => void answers++);
  collector.young();
  collector.list(set);
  return answers >= kept.length && answers < 2 * kept.length;
}

let found: Collector | null | undefined;

/** The host's collector, found at the first call; null where there is none, as in a page. */
export function collector(): Collector | null {
  if (found === undefined) found = prepare();
  return found;
}

/** Collects all garbage now; false, and nothing happens, where the host has no way to it. */
export function collectNow(): boolean {
  const host = collector();
  host?.full();
  return host !== null;
}
