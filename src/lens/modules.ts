/** Misuses inside modules: what they keep, what they make while they run, and in which mode they run. */
import { mode } from "../autograd/mode.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { type Cause, onSettle, place } from "../core/warnings.ts";
import * as nn from "../nn/index.ts";
import type { AnyModule } from "../nn/module.ts";
import { isParameter } from "../nn/parameter.ts";
import { isModule } from "../nn/registry.ts";
import { advise } from "./advice.ts";
import { bracket, isTaken, takeContainer } from "./records.ts";
import { isTrained, onTrainingRun, stepCount } from "./steps.ts";

/** What is known of a module that user code runs. */
interface Runs {
  count: number;
  /** Whether dropout or batch statistics make training mode matter. */
  readonly hasModes: boolean;
  readonly hasBuffers: boolean;
  /** It ran without recording in training mode before it was trained, as a generator does: that is its way. */
  exempt: boolean;
  /** Runs of that kind in a row, with other inputs each, and the steps taken when it began. */
  inRow: number;
  rowAt: number;
  /** The steps taken when `train()` was last called: right before a run it is meant. */
  modeSetAt: number;
  /** Whether it was loaded from something that is no other model's state dict, such as a file. */
  loaded: boolean;
}

const runsOf = new WeakMap<object, Runs>();

function known(module: AnyModule): Runs {
  let runs = runsOf.get(module);
  if (runs === undefined) {
    const hasModes = [...module.modules()].some(dependsOnMode);
    const hasBuffers = module.buffers().next().done !== true;
    runs = { count: 0, hasModes, hasBuffers, exempt: false, inRow: 0, rowAt: 0, modeSetAt: -1, loaded: false };
    runsOf.set(module, runs);
  }
  return runs;
}

const dropouts = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout];
const norms = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d];

function dependsOnMode(module: AnyModule): boolean {
  if (dropouts.some((kind) => module instanceof kind)) return (Reflect.get(module, "p") as number) > 0;
  if (norms.some((kind) => module instanceof kind)) return true;
  const p: unknown = Reflect.get(module, "dropout");
  return typeof p === "number" && p > 0;
}

/** A module was loaded; `own`: from another model's live state dict. */
export function onLoaded(module: AnyModule, own: boolean): void {
  if (!own) known(module).loaded = true;
}

/** `train()` or `eval()`. */
export function onMode(module: AnyModule): void {
  const runs = runsOf.get(module);
  if (runs !== undefined) {
    runs.modeSetAt = stepCount();
    runs.inRow = 0;
  }
}

// ---------------------------------------------------------------- eval forgotten

/** A run that looks like inference in training mode, until what follows says more. */
interface Suspect {
  readonly module: WeakRef<AnyModule>;
  readonly inputs: readonly WeakRef<object>[];
  readonly cause: Cause;
  output: WeakRef<Tensor> | null;
}

let suspect: Suspect | null = null;
let timer: ReturnType<typeof setTimeout> | null = null;
let willSettle = false;
/** How long a loop that awaits may take to run the model again, in milliseconds. */
const patience = 100;
/** Reading the stack takes microseconds: after so many suspects nobody needs another line. */
let places = 200;

const objects = (args: readonly unknown[]): WeakRef<object>[] => args.filter(isTensor).map((t) => new WeakRef(t));
const sameInputs = (a: readonly WeakRef<object>[], args: readonly unknown[]): boolean => {
  const tensors = args.filter(isTensor);
  return tensors.length === a.length && a.every((ref, i) => ref.deref() === tensors[i]);
};

/** What is still suspected is said now. */
export function settle(): void {
  const now = suspect;
  suspect = null;
  const module = now?.module.deref();
  if (module !== undefined) advise("eval-forgotten", module.constructor.name, now!.cause);
}

/** Waits for what follows, but not for ever, nor beyond the end of the program. */
function hold(doubtful: Suspect): void {
  suspect = doubtful;
  if (timer !== null) clearTimeout(timer);
  timer = setTimeout(settle, patience);
  if (typeof process === "undefined") return;
  timer.unref?.();
  if (!willSettle) process.once?.("exit", settle);
  willSettle = true;
}

onSettle(settle, true);

/** Looks what a call tells of the run that is suspected. */
function resolve(module: AnyModule, args: readonly unknown[]): void {
  if (suspect === null) return;
  const before = suspect.module.deref();
  const output = suspect.output?.deref();
  if (before === undefined) {
    suspect = null;
  } else if (before === module && !mode.grad && sameInputs(suspect.inputs, args)) {
    known(module).exempt = true; // the same input again: Monte Carlo dropout
    suspect = null;
  } else if (
    mode.grad &&
    output !== undefined &&
    args.some((x) => isTensor(x) && x.impl.storage === output.impl.storage)
  ) {
    known(before).exempt = true; // its output trains another model
    suspect = null;
  } else if (before === module) settle();
}

function checkMode(module: AnyModule, runs: Runs, args: readonly unknown[]): Suspect | null {
  if (mode.grad) {
    runs.inRow = 0;
    return null;
  }
  if (!module.training || !runs.hasModes || runs.modeSetAt === stepCount()) return null;
  const trained = [...module.parameters()].some((param) => isTrained(param.impl.storage));
  if (!trained && !runs.loaded) {
    runs.exempt = true;
    return null;
  }
  if (runs.exempt && !manyInRow(runs, args)) return null;
  const cause = { at: places-- > 0 ? place() : null };
  return { module: new WeakRef(module), inputs: objects(args), cause, output: null };
}

let lastInputs: WeakRef<object>[] = [];

/** Whether even a module whose way it is to run so does it as only inference does. */
function manyInRow(runs: Runs, args: readonly unknown[]): boolean {
  if (runs.rowAt !== stepCount() || sameInputs(lastInputs, args)) runs.inRow = 0;
  runs.rowAt = stepCount();
  lastInputs = objects(args);
  return ++runs.inRow >= 4;
}

// ---------------------------------------------------------------- what modules keep and make

/** A module made a Parameter or Buffer while it ran. */
export function onCreated(what: string, name: string | null): void {
  advise("created-in-forward", name === null ? `a ${what}` : `the ${what} "${name}"`);
}

/** Looks at the fields of a module and all below it. */
export function checkFields(root: AnyModule): void {
  const registered = new Set<unknown>([...root.modules(), ...root.parameters()]);
  for (const [path, module] of root.namedModules()) {
    for (const name of Object.keys(module)) {
      const value: unknown = Object.getOwnPropertyDescriptor(module, name)?.value;
      if (typeof value !== "object" || value === null) continue;
      const field = path === "" ? name : `${path}.${name}`;
      if (isTensor(value)) {
        // `weightNorm` keeps the weight that it computes beside its two parts.
        if (value.impl.meta?.gradFn != null && !(`${name}_g` in module)) advise("non-leaf-kept", `"${field}"`);
      } else checkItems(itemsOf(value), field, registered);
    }
  }
}

function checkItems(items: readonly unknown[], field: string, registered: ReadonlySet<unknown>): void {
  const hidden = items.some((item) => !registered.has(item) && (isModule(item) ? learns(item) : isLearnt(item)));
  if (hidden) advise("modules-in-array", `"${field}"`);
  else if (items.some((item) => isTensor(item) && item.impl.meta?.gradFn != null))
    advise("non-leaf-kept", `"${field}"`);
}

const isLearnt = (item: unknown): boolean => isParameter(item) && item.requiresGrad;
const learns = (module: unknown): boolean => [...(module as AnyModule).parameters()].some(isLearnt);

/** Items beyond which nobody looks. */
const mostItems = 1024;

/** Items of a list or dictionary and of those inside, three levels deep, as far as it is worth looking. */
function itemsOf(value: object): unknown[] {
  let level: unknown[] = [value];
  const items: unknown[] = [];
  for (let depth = 0; depth < 3 && level.length > 0; depth++) {
    const inner = level.flatMap((holder) => ownItems(holder as object).slice(0, 256)).slice(0, mostItems);
    items.push(...inner);
    level = inner.filter((item) => typeof item === "object" && item !== null && !isTensor(item)).slice(0, 64);
  }
  return items;
}

function ownItems(value: object): unknown[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...value.values()];
  return Object.getPrototypeOf(value) === Object.prototype ? Object.values(value) : [];
}

/** User code calls a module; what is returned is to be called with the output. */
export function onForward(module: AnyModule, args: readonly unknown[]): (output: unknown) => void {
  resolve(module, args);
  const runs = known(module);
  runs.count++;
  if (mode.grad) onTrainingRun(module);
  const doubtful = checkMode(module, runs, args);
  const written = runs.hasBuffers && module.training ? buffersOf(module) : null;
  return (output) => {
    written?.();
    // Fields seldom change from one run to the next.
    if ((runs.count & (runs.count - 1)) === 0) {
      if (runs.count === 1 && !isTaken(module)) takeContainer(module);
      checkFields(module);
    }
    if (doubtful === null) return;
    doubtful.output = isTensor(output) ? new WeakRef(output) : null;
    hold(doubtful);
  };
}

function buffersOf(module: AnyModule): (() => void) | null {
  return bracket(
    [...module.buffers()].map((buffer) => buffer.impl.storage),
    "forward()",
  );
}
