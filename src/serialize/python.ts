/** Python's values while a pickle is read, and what becomes of them. */
import { Size } from "../core/layout.ts";
import { StateDict } from "../core/statedict.ts";
import { printsAs } from "../core/symbols.ts";
import type { ModuleAdapter } from "./adapter.ts";
import { UnpicklingError } from "./errors.ts";

/** Nesting beyond this is taken for an attack: Python itself cannot write it. */
export const deepest = 2000;

/** A dict that is being filled; what it becomes depends on its keys. */
export class PyDict {
  readonly items: Map<unknown, unknown> = new Map();
  readonly ordered: boolean;
  /** The `_metadata` that a module's state dict carries. */
  metadata: unknown;

  constructor(ordered: boolean) {
    this.ordered = ordered;
  }
}

/** A class, function or constant that a file names. It stands for itself, and is never run. */
export class Part {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  /** What it is where a file holds it as a value. */
  settle(): unknown {
    return new PickledObject(this.module, this.name, null);
  }

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** A class or function on the allow-list: it builds data from data. */
export class PyCallable extends Part {
  readonly call: (args: readonly unknown[]) => unknown;

  constructor(module: string, name: string, call: (args: readonly unknown[]) => unknown) {
    super(module, name);
    this.call = call;
  }
}

/** A class or function that is not known here. */
export class PyName extends Part {}

/** An object of a class that a file names, while it is read. */
export class PyObject {
  readonly type: Part;
  readonly args: readonly unknown[];
  state: unknown = null;
  /** What a list or set among its bases holds. */
  readonly items: unknown[] = [];
  /** What a dict among its bases holds. */
  readonly entries: PyDict = new PyDict(false);

  constructor(type: Part, args: readonly unknown[]) {
    this.type = type;
    this.args = args;
  }

  /** What it is here, where that is more than its parts. */
  convert(): object | null {
    return null;
  }
}

/** A list that Python gets as a tuple. */
export class PyTuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A number that Python gets as a float, also where it is integral. */
export class PyFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/**
 * An object of a class that is not known here, as plain data: nothing of the class is run.
 * @example torch.isTensor(await torch.load("model.pt", { weightsOnly: false })) // false
 */
export class PickledObject {
  /** `torchvision.models.resnet` */
  readonly module: string;
  /** `ResNet` */
  readonly name: string;
  /** What it was made with; null for the class or function itself. */
  readonly args: readonly unknown[] | null;
  /** Its attributes, most often an object with `_parameters`, `_buffers` and `_modules`. */
  readonly state: unknown = null;
  /** What it holds as a list. */
  readonly items: readonly unknown[] | null = null;
  /** What it holds as a dict. */
  readonly entries: unknown = null;

  constructor(module: string, name: string, args: readonly unknown[] | null) {
    this.module = module;
    this.name = name;
    this.args = args;
  }

  toString(): string {
    return `<${this.module}.${this.name}${this.args === null ? "" : " object"} from a file>`;
  }
}

printsAs(PickledObject);

type Container = PickledObject | unknown[] | Set<unknown> | Map<unknown, unknown> | Record<string, unknown>;

/** Integer-like keys would move to the front of a plain object. */
const integerLike = /^(0|[1-9]\d*)$/;

/** A module that is made while its state is not there yet. */
interface Shell {
  readonly object: PyObject;
  readonly target: object;
  /** What the state becomes. */
  readonly state: Container;
}

/**
 * The value with every dict replaced by what API users get; lists and sets stay the same objects. Objects become modules
 * where `modules` knows their classes and those of all their children, else PickledObjects.
 */
export function settle(root: unknown, label: string, modules?: ModuleAdapter): unknown {
  const made = new Map<object, unknown>();
  const shells: Shell[] = [];
  const alive = new Map<PyObject, boolean>();
  let level: [object, Container][] = [];

  const place = (value: unknown): unknown => {
    const isPart = value instanceof Part;
    if (!isPart && !isContainer(value)) return value;
    const known = made.get(value);
    if (known !== undefined) return known;
    if (isPart) return remember(value, value.settle());
    const converted = value instanceof PyObject ? value.convert() : null;
    if (converted !== null) return remember(value, converted);
    const target = value instanceof PyObject ? placeObject(value) : value instanceof PyDict ? container(value) : value;
    made.set(value, target);
    if (!(value instanceof PyObject) || target instanceof PickledObject) level.push([value, target as Container]);
    return target;
  };

  const remember = (key: object, value: unknown): unknown => {
    made.set(key, value);
    return value;
  };

  const placeObject = (object: PyObject): object => {
    const { module, name } = object.type;
    if (modules === undefined || !isAlive(object, modules, alive, label)) {
      return new PickledObject(module, name, object.args);
    }
    const target = modules.make(module, name);
    const state = container(object.state as PyDict);
    shells.push({ object, target, state });
    level.push([object.state as PyDict, state]);
    return target;
  };

  const result = place(root);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > deepest) throw new UnpicklingError(`${label}: nested deeper than ${deepest} levels`);
    const current = level;
    level = [];
    for (const [value, target] of current) fill(value, target, place);
  }
  // Children come after their parents: from the end, every child is complete when its parent takes it.
  for (const { object, target, state } of shells.reverse()) {
    modules!.fill(target, object.type.module, object.type.name, stateMap(state));
  }
  return result;
}

type Raw = PyDict | PyObject | Set<unknown> | unknown[];

function isContainer(value: unknown): value is Raw {
  if (value instanceof PyDict || value instanceof PyObject || value instanceof Set) return true;
  return Array.isArray(value) && !(value instanceof Size);
}

const stateMap = (state: Container): ReadonlyMap<string, unknown> =>
  state instanceof Map ? (state as ReadonlyMap<string, unknown>) : new Map(Object.entries(state));

const entriesOf = (state: PyDict, name: string): PyDict | null => {
  const found = state.items.get(name);
  return found instanceof PyDict ? found : null;
};

const hooks = [
  "_backward_hooks",
  "_backward_pre_hooks",
  "_forward_hooks",
  "_forward_pre_hooks",
  "_state_dict_hooks",
  "_state_dict_pre_hooks",
  "_load_state_dict_pre_hooks",
  "_load_state_dict_post_hooks",
];

/** Whether an object becomes a module: its class and those of all modules below are known, and no hook is lost. */
function isAlive(
  object: PyObject,
  modules: ModuleAdapter,
  known: Map<PyObject, boolean>,
  label: string,
  depth = 0,
): boolean {
  const before = known.get(object);
  if (before !== undefined) return before;
  if (depth > deepest) throw new UnpicklingError(`${label}: modules nested deeper than ${deepest} levels`);
  const { state, type } = object;
  known.set(object, false); // a module inside of itself is none
  const plain = object.args.length === 0 && object.items.length === 0 && object.entries.items.size === 0;
  const alive =
    plain &&
    state instanceof PyDict &&
    modules.knows(type.module, type.name) &&
    hooks.every((name) => (entriesOf(state, name)?.items.size ?? 0) === 0) &&
    [...(entriesOf(state, "_modules")?.items.values() ?? [])].every(
      (child) => child === null || (child instanceof PyObject && isAlive(child, modules, known, label, depth + 1)),
    );
  known.set(object, alive);
  return alive;
}

function container(dict: PyDict): Container {
  if (dict.ordered) return new StateDict<unknown>();
  for (const key of dict.items.keys()) {
    if (typeof key !== "string" || integerLike.test(key)) return new Map();
  }
  return Object.create(null) as Record<string, unknown>;
}

function fill(value: object, target: Container, place: (value: unknown) => unknown): void {
  if (Array.isArray(target)) {
    for (let i = 0; i < target.length; i++) target[i] = place(target[i]);
  } else if (target instanceof Set) {
    const members = [...target];
    target.clear();
    for (const member of members) target.add(place(member));
  } else if (target instanceof PickledObject) {
    fillObject(value as PyObject, target, place);
  } else if (value instanceof PyDict) {
    fillDict(value, target, place);
  }
}

function fillObject(object: PyObject, target: PickledObject, place: (value: unknown) => unknown): void {
  const { args, state, items, entries } = object;
  Object.assign(target, {
    args: args.map(place),
    state: place(state),
    items: items.length > 0 ? items.map(place) : null,
    entries: entries.items.size > 0 ? place(entries) : null,
  });
}

function fillDict(
  dict: PyDict,
  target: Map<unknown, unknown> | Record<string, unknown>,
  place: (value: unknown) => unknown,
): void {
  if (target instanceof Map) {
    for (const [key, value] of dict.items) target.set(place(key), place(value));
  } else {
    for (const [key, value] of dict.items) target[String(key)] = place(value);
  }
  if (target instanceof StateDict && dict.metadata !== undefined) target._metadata = place(dict.metadata) as never;
}
