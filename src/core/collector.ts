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

type Collect = () => void;

/**
 * A full collection alone spares whatever a WeakRef was made of or asked for in the present job. The microtask
 * checkpoint at the end of a script in a context with its own queue ends that protection.
 */
function prepare(): Collect | null {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return null;
  const vm = process.getBuiltinModule("node:vm") as Vm | undefined;
  const v8 = process.getBuiltinModule("node:v8") as V8 | undefined;
  if (vm === undefined || v8 === undefined) return null;
  try {
    v8.setFlagsFromString("--expose-gc");
    const gc = vm.runInNewContext("gc");
    if (typeof gc !== "function") return null;
    const context = vm.createContext({}, { microtaskMode: "afterEvaluate" });
    const script = new vm.Script("");
    const collect: Collect = () => {
      script.runInContext(context);
      gc();
    };
    return clears(collect) ? collect : null;
  } catch {
    return null; // another engine under Node's names
  }
}

/** Whether an object of this very job dies. */
function clears(collect: Collect): boolean {
  const refs = weakRefs();
  collect();
  return refs.some((ref) => ref.deref() === undefined);
}

// Several, made in another function: a stack slot or register may keep one of them.
const weakRefs = (): WeakRef<object>[] => Array.from({ length: 8 }, () => new WeakRef({}));

let collector: Collect | null | undefined;

/**
 * Collects all garbage now: afterwards `deref()` of a WeakRef to a dead object is undefined. Returns false, and does
 * nothing, where the host has no such way, as in a page.
 */
export function collectNow(): boolean {
  if (collector === undefined) collector = prepare();
  if (collector === null) return false;
  collector();
  return true;
}
