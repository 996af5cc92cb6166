/** State dicts: taking them, and loading them in two phases, so that a refused one changes nothing. */
import { checkInplace } from "../autograd/inplace.ts";
import { noGrad } from "../autograd/mode.ts";
import { AssertionError, check, RuntimeError, typeName } from "../core/errors.ts";
import { equalShapes } from "../core/layout.ts";
import { announce } from "../core/observe.ts";
import { StateDict } from "../core/statedict.ts";
import { printsAs } from "../core/symbols.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { checkWritable } from "../ops/pointwise.ts";
import type { AnyModule } from "./module.ts";
import { isParameter, Parameter } from "./parameter.ts";
import { adopt, assign, type Registered, registry } from "./registry.ts";

/** What belongs to one module beside its tensors. */
export interface LocalMetadata {
  version?: number;
  assignToParamsBuffers?: boolean;
}

/** The key of what `getExtraState` gives. */
export const extraStateKey = "_extra_state";

/** The methods for extra state of a class that has none; module.ts names them. */
export const plain: { getExtraState: unknown; setExtraState: unknown } = { getExtraState: null, setExtraState: null };

/** What loading reports: keys that the module has and the dictionary lacks, and the other way round. */
export class IncompatibleKeys {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];

  constructor(missingKeys: string[], unexpectedKeys: string[]) {
    this.missingKeys = missingKeys;
    this.unexpectedKeys = unexpectedKeys;
  }

  *[Symbol.iterator](): Iterator<string[]> {
    yield this.missingKeys;
    yield this.unexpectedKeys;
  }

  toString(): string {
    if (this.missingKeys.length + this.unexpectedKeys.length === 0) return "<All keys matched successfully>";
    const list = (keys: readonly string[]): string => `[${keys.map((key) => `'${key}'`).join(", ")}]`;
    return `_IncompatibleKeys(missing_keys=${list(this.missingKeys)}, unexpected_keys=${list(this.unexpectedKeys)})`;
  }
}

printsAs(IncompatibleKeys);

/** How a state dict is taken. */
export interface StateDictOptions {
  destination?: StateDict | null;
  prefix?: string;
  /** Give the Parameters themselves instead of detached tensors over the same memory. */
  keepVars?: boolean;
}

/** Puts the entries of a module and all below it into `destination`. */
export function collect(module: AnyModule, destination: StateDict, prefix: string, keepVars: boolean): StateDict {
  const table = adopt(module);
  const { hooks } = table;
  const local: LocalMetadata = { version: module._version };
  destination._metadata?.set(prefix.slice(0, -1), local as { version?: number });
  hooks.stateDictPre.run(() => [module, prefix, keepVars]);
  module._saveToStateDict(destination, prefix, keepVars);
  for (const [name, child] of table.modules) {
    child?.stateDict({ destination, prefix: `${prefix}${name}.`, keepVars });
  }
  let result = destination;
  hooks.stateDict.run(
    () => [module, result, prefix, local],
    (replaced) => {
      if (replaced instanceof Map) result = replaced as StateDict;
    },
  );
  return result;
}

/** The entries of one module, without those below it. */
export function saveOwn(module: AnyModule, destination: StateDict, prefix: string, keepVars: boolean): void {
  const table = module[registry];
  const entry = (t: Tensor): Tensor => (keepVars ? t : t.detach());
  for (const [name, param] of table.parameters) if (param !== null) destination.set(prefix + name, entry(param));
  for (const [name, buffer] of table.buffers) {
    if (buffer !== null && !table.transient.has(name)) destination.set(prefix + name, entry(buffer));
  }
  if (module.getExtraState === plain.getExtraState) return;
  destination.set(prefix + extraStateKey, module.getExtraState() as Tensor);
}

const nothingLoaded =
  "loadStateDict() found no key of the module in what it was given, so nothing was loaded. Compare the names on both " +
  'sides; one may have a prefix such as "module." that the other has not. See docs/pitfalls.md#load-nothing';

/** The writes of the load that is being checked; made only when all checks have passed. */
let writes: (() => void)[] = [];

/** How a state dict is loaded. */
export interface LoadOptions {
  /** Throw where keys are missing or unexpected; default true. */
  strict?: boolean;
  /** Put the given tensors in the place of the module's, instead of copying; default false. */
  assign?: boolean;
}

/** Loads `source` into a module and all below it; changes nothing where it throws. */
export function load(module: AnyModule, source: unknown, strict: boolean, assigning: boolean): IncompatibleKeys {
  const entries = dictionary(source);
  const missing: string[] = [];
  const unexpected: string[] = [];
  const errors: string[] = [];
  const outer = writes;
  writes = [];
  try {
    const keys = new IncompatibleKeys(missing, unexpected);
    const post: (() => void)[] = [];
    walk(module, entries, "", { entries, assigning, missing, unexpected, errors }, (m) => {
      post.push(() => afterLoad(m, keys));
    });
    // Hooks may forgive keys, so they run before the verdict where there are any; else they see what was loaded.
    const forgiving = missing.length + unexpected.length > 0;
    if (forgiving) for (const run of post) run();
    if (strict) addKeyErrors(errors, missing, unexpected);
    if (errors.length > 0) {
      const head = `Error(s) in loading state_dict for ${module.constructor.name}:`;
      throw new RuntimeError([head, ...errors].join("\n\t"));
    }
    const done = announce(() => ({ kind: "load", module, source: source as object, assign: assigning }));
    noGrad(() => {
      for (const write of writes) write();
    });
    done?.();
    if (!forgiving) for (const run of post) run();
    if (writes.length === 0 && missing.length > 0 && unexpected.length > 0) {
      warn("load-nothing", nothingLoaded, true);
    }
    return keys;
  } finally {
    writes = outer;
  }
}

/** What one load gathers. */
interface Loading {
  readonly entries: StateDict<unknown>;
  readonly assigning: boolean;
  readonly missing: string[];
  readonly unexpected: string[];
  readonly errors: string[];
}

function walk(
  module: AnyModule,
  local: StateDict<unknown>,
  prefix: string,
  all: Loading,
  done: (module: AnyModule) => void,
): void {
  const metadata: LocalMetadata = { ...all.entries._metadata?.get(prefix.slice(0, -1)) };
  if (all.assigning) metadata.assignToParamsBuffers = true;
  module._loadFromStateDict(local, prefix, metadata, true, all.missing, all.unexpected, all.errors);
  for (const [name, child] of adopt(module).modules) {
    if (child !== null) walk(child, below(local, `${prefix}${name}.`), `${prefix}${name}.`, all, done);
  }
  done(module);
}

function afterLoad(module: AnyModule, keys: IncompatibleKeys): void {
  module[registry].hooks.loadPost.run(
    () => [module, keys],
    (result) => {
      check(
        result == null,
        () =>
          "Hooks registered with ``register_load_state_dict_post_hook`` are notexpected to return new values, " +
          "if incompatible_keys need to be modified,it should be done inplace.",
        AssertionError,
      );
    },
  );
}

function addKeyErrors(errors: string[], missing: readonly string[], unexpected: readonly string[]): void {
  const quoted = (keys: readonly string[]): string => keys.map((key) => `"${key}"`).join(", ");
  if (unexpected.length > 0) errors.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpected)}. `);
  if (missing.length > 0) errors.unshift(`Missing key(s) in state_dict: ${quoted(missing)}. `);
}

/** A copy of the caller's dictionary, which hooks may edit. */
function dictionary(source: unknown): StateDict<unknown> {
  const prototype: unknown = typeof source === "object" && source !== null ? Object.getPrototypeOf(source) : undefined;
  if (source instanceof Map) {
    const copy = new StateDict<unknown>(source as Map<string, unknown>);
    const metadata: unknown = Reflect.get(source, "_metadata");
    if (metadata instanceof Map) copy._metadata = metadata as Map<string, { version?: number }>;
    return copy;
  }
  if (prototype === Object.prototype || prototype === null) return new StateDict(Object.entries(source as object));
  throw new TypeError(`Expected state_dict to be dict-like, got <class '${typeName(source)}'>.`);
}

function below(entries: StateDict<unknown>, prefix: string): StateDict<unknown> {
  const kept = new StateDict<unknown>();
  for (const [key, value] of entries) if (key.startsWith(prefix)) kept.set(key, value);
  return kept;
}

/** Checks the entries of one module and plans their writes. */
export function loadOwn(
  module: AnyModule & Registered,
  entries: StateDict<unknown>,
  prefix: string,
  metadata: LocalMetadata,
  strict: boolean,
  missing: string[],
  unexpected: string[],
  errors: string[],
): void {
  const table = adopt(module);
  table.hooks.loadPre.run(() => [entries, prefix, metadata, strict, missing, unexpected, errors]);
  const local = new Map<string, Tensor>();
  for (const [name, param] of table.parameters) if (param !== null) local.set(name, param);
  for (const [name, buffer] of table.buffers) {
    if (buffer !== null && !table.transient.has(name)) local.set(name, buffer);
  }
  for (const [name, target] of local) {
    const key = prefix + name;
    if (!entries.has(key)) {
      if (strict) missing.push(key);
      continue;
    }
    const problem = plan(module, name, key, target, entries.get(key), metadata.assignToParamsBuffers === true);
    if (problem !== null) errors.push(problem);
  }
  loadExtra(module, entries, prefix, strict, missing, unexpected);
  if (!strict) return;
  for (const key of entries.keys()) {
    if (!key.startsWith(prefix) || key === prefix + extraStateKey) continue;
    const [first = "", ...rest] = key.slice(prefix.length).split(".");
    if (rest.length > 0 ? !table.modules.has(first) : !local.has(first)) unexpected.push(key);
  }
}

function loadExtra(
  module: AnyModule,
  entries: StateDict<unknown>,
  prefix: string,
  strict: boolean,
  missing: string[],
  unexpected: string[],
): void {
  const key = prefix + extraStateKey;
  if (module.setExtraState !== plain.setExtraState) {
    if (entries.has(key)) writes.push(() => module.setExtraState(entries.get(key)));
    else if (strict) missing.push(key);
  } else if (strict && entries.has(key)) unexpected.push(key);
}

/** Plans one write; returns what speaks against it. */
function plan(
  module: AnyModule,
  name: string,
  key: string,
  target: Tensor,
  given: unknown,
  assigning: boolean,
): string | null {
  if (!isTensor(given)) {
    return (
      `While copying the parameter named "${key}", expected torch.Tensor or Tensor-like object from checkpoint but ` +
      `received <class '${typeName(given)}'>`
    );
  }
  // Versions 0.3 of PyTorch and earlier had no 0-dim tensors.
  const input = target.dim() === 0 && given.dim() === 1 && given.numel() > 0 ? given.select(0, 0) : given;
  if (!equalShapes(input.shape, target.shape)) {
    return (
      `size mismatch for ${key}: copying a param with shape ${input.shape} from checkpoint, the shape in current ` +
      `model is ${target.shape}.`
    );
  }
  if (assigning) {
    writes.push(() => put(module, name, target, input));
    return null;
  }
  try {
    checkCopy(target, input);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return (
      `While copying the parameter named "${key}", whose dimensions in the model are ${target.shape} and whose ` +
      `dimensions in the checkpoint are ${input.shape}, an exception occurred : ('${error.message}',).`
    );
  }
  writes.push(() => target.copy_(input));
  return null;
}

/** What `copy_` will check, before anything is written. */
function checkCopy(target: Tensor, input: Tensor): void {
  checkInplace(target, false);
  checkWritable(target, [input]);
  check(
    target.device.type === "meta" || input.device.type !== "meta",
    () => "Cannot copy out of meta tensor; no data!",
  );
}

/** `assign`: the given tensor takes the place of a parameter or buffer. */
function put(module: AnyModule, name: string, target: Tensor, input: Tensor): void {
  if (!isParameter(target)) {
    assign(module, name, input);
    return;
  }
  const param = isParameter(input) ? input : new Parameter(input, target.requiresGrad);
  if (param === input) param.requiresGrad_(target.requiresGrad);
  assign(module, name, param);
}
