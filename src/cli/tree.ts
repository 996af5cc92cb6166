/** What a checkpoint holds, as the lines of a tree. */
import { isTensor, StateDict, serialization } from "cresset";
import { cut, printable } from "./text.ts";

const { LazyTensor, LazyStorage, PickledObject } = serialization;

/** A line of the tree. */
export interface Node {
  readonly name: string;
  /** A tensor, or a value in short; null for a node whose children say it. */
  readonly value: unknown;
  /** `OrderedDict`, `list`, or a class of the file's. */
  readonly kind: string;
  readonly children: readonly Node[];
}

/** What stands for a value that is shown again inside of itself. */
const again = Symbol("again");

/** The tree of a value; names with points become branches. */
export function treeOf(root: unknown): Node {
  const above = new Set<unknown>();
  const visit = (name: string, value: unknown): Node => {
    const entries = entriesOf(value);
    if (entries === null || !holdsTensors(value)) return { name, value, kind: kindOf(value), children: [] };
    if (above.has(value)) return { name, value: again, kind: kindOf(value), children: [] };
    above.add(value);
    const children = branches(entries.map(([key, item]) => visit(key, item)));
    above.delete(value);
    return { name, value: null, kind: kindOf(value), children };
  };
  return visit("", root);
}

/** `a.b` and `a.c` as a node `a` with two children. Only neighbours are joined, so that the order stays. */
function branches(nodes: readonly Node[]): Node[] {
  const made: Node[] = [];
  for (let i = 0; i < nodes.length; ) {
    const dot = nodes[i]!.name.indexOf(".");
    const head = nodes[i]!.name.slice(0, dot);
    let stop = i + 1;
    while (dot > 0 && stop < nodes.length && nodes[stop]!.name.startsWith(`${head}.`)) stop++;
    if (dot <= 0) made.push(nodes[i]!);
    else {
      const inner = nodes.slice(i, stop).map((node) => ({ ...node, name: node.name.slice(dot + 1) }));
      made.push({ name: head, value: null, kind: "", children: branches(inner) });
    }
    i = stop;
  }
  return made;
}

/** What a container holds; null for a value without parts. */
export function entriesOf(value: unknown): [string, unknown][] | null {
  if (typeof value !== "object" || value === null || isLeaf(value)) return null;
  if (value instanceof Map) return [...value].map(([key, item]) => [keyText(key), item]);
  if (Array.isArray(value)) return value.map((item, i) => [String(i), item]);
  if (!(value instanceof PickledObject)) return Object.entries(value);
  const module = moduleEntries(value.state);
  if (module !== null) return module;
  const parts: [string, unknown][] = [
    ["args", value.args],
    ["state", value.state],
    ["items", value.items],
    ["entries", value.entries],
  ];
  return parts.filter(([, part]) => part !== null && !(Array.isArray(part) && part.length === 0));
}

/** A whole module's parameters, buffers, attributes and modules; null for the state of another object. */
function moduleEntries(state: unknown): [string, unknown][] | null {
  const isModule = typeof state === "object" && state !== null && "_parameters" in state && "_modules" in state;
  if (!isModule) return null;
  const part = (name: string): [string, unknown][] => entriesOf(Reflect.get(state, name)) ?? [];
  const attributes = Object.entries(state).filter(([name]) => !name.startsWith("_"));
  return [...part("_parameters"), ...part("_buffers"), ...attributes, ...part("_modules")];
}

const isLeaf = (value: object): boolean =>
  isTensor(value) ||
  value instanceof LazyTensor ||
  value instanceof LazyStorage ||
  value instanceof Uint8Array ||
  value instanceof Set;

const keyText = (key: unknown): string => (typeof key === "string" ? key : shortText(key, 40));

/** Whether a tensor, a storage or an object of the file's is somewhere below. */
function holdsTensors(value: unknown, seen = new Set<unknown>()): boolean {
  if (value instanceof LazyTensor || value instanceof LazyStorage || value instanceof PickledObject) return true;
  if (seen.has(value)) return false;
  seen.add(value);
  return entriesOf(value)?.some(([, item]) => holdsTensors(item, seen)) ?? false;
}

function kindOf(value: unknown): string {
  if (value instanceof StateDict) return "OrderedDict";
  if (value instanceof Map) return "dict";
  if (Array.isArray(value)) return "list";
  if (value instanceof PickledObject) return printable(`${value.module}.${value.name}`);
  return entriesOf(value) === null ? "" : "dict";
}

/** Values that are no tensors, in short, under their paths. */
export function valuesOf(root: unknown): Map<string, string> {
  const found = new Map<string, string>();
  const above = new Set<unknown>();
  const visit = (value: unknown, path: string): void => {
    if (value instanceof LazyTensor || value instanceof LazyStorage || above.has(value)) return;
    const entries = entriesOf(value);
    if (entries === null) {
      found.set(path, value instanceof Uint8Array ? String(value) : shortText(value, 10_000));
      return;
    }
    above.add(value);
    for (const [key, item] of entries) visit(item, path === "" ? key : `${path}.${key}`);
    above.delete(value);
  };
  visit(root, "");
  return found;
}

/** Classes of objects that a file holds as plain data. */
export function classesOf(root: unknown, seen: Set<unknown> = new Set()): Set<string> {
  if (seen.has(root)) return new Set();
  seen.add(root);
  const own = root instanceof PickledObject ? [`${root.module}.${root.name}`] : [];
  return new Set([...own, ...(entriesOf(root) ?? []).flatMap(([, item]) => [...classesOf(item, seen)])]);
}

/** The value with other tensors in the place of its own; the same ones stay the same. */
export function mapTensors(root: unknown, change: (tensor: serialization.LazyTensor) => unknown): unknown {
  const made = new Map<unknown, unknown>();
  const remember = <T>(value: unknown, copy: T): T => {
    made.set(value, copy);
    return copy;
  };
  const visit = (value: unknown): unknown => {
    if (made.has(value)) return made.get(value);
    if (value instanceof LazyTensor) return remember(value, change(value));
    if (value instanceof StateDict) {
      const copy = remember(value, new StateDict<unknown>());
      for (const [key, item] of value) copy.set(key, visit(item));
      return value._metadata === undefined ? copy : Object.assign(copy, { _metadata: value._metadata });
    }
    if (value instanceof Map) {
      const copy = remember(value, new Map<unknown, unknown>());
      for (const [key, item] of value) copy.set(key, visit(item));
      return copy;
    }
    if (Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype) {
      const copy: unknown[] = remember(value, []);
      for (const item of value) copy.push(visit(item));
      return copy;
    }
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== null) return value;
    const copy = remember(value, Object.create(null) as Record<string, unknown>);
    for (const [key, item] of Object.entries(value)) copy[key] = visit(item);
    return copy;
  };
  return visit(root);
}

/** A value in one line of at most `length` characters. */
export function shortText(value: unknown, length: number): string {
  return cut(textOf(value, length), length);
}

function textOf(value: unknown, room: number): string {
  if (value === again) return "(the same as above)";
  if (typeof value === "string") return printable(JSON.stringify(cut(value, room)));
  if (typeof value === "bigint") return `${value}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof LazyStorage) return `storage of ${value.nbytes} bytes`;
  if (value instanceof Set) return listText("{", [...value], "}", room);
  if (Array.isArray(value)) return listText("[", value, "]", room);
  if (value instanceof PickledObject && entriesOf(value)!.length === 0)
    return printable(`${value.module}.${value.name}`);
  const entries = entriesOf(value);
  if (entries === null) return printable(String(value));
  return cut(`{${partsText(entries, room, ([key, item]) => `${printable(key)}: ${textOf(item, room)}`)}}`, room);
}

const listText = (open: string, items: readonly unknown[], close: string, room: number): string =>
  `${open}${partsText(items, room, (item) => textOf(item, room))}${close}`;

/** As many parts as there is room for. */
function partsText<T>(items: readonly T[], room: number, show: (item: T) => string): string {
  let text = "";
  for (const [i, item] of items.entries()) {
    const next = `${i === 0 ? "" : ", "}${show(item)}`;
    if (i > 0 && text.length + next.length > room - 6) return `${text}, … ${items.length} in all`;
    text += next;
  }
  return text;
}
