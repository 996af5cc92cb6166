/** The paths of tensors in a value. */
import { check } from "../core/errors.ts";
import { UnpicklingError } from "./errors.ts";
import { LazyTensor } from "./lazy.ts";
import { PickledObject } from "./python.ts";

/** More names than this are taken for an attack: shared containers can be written as a tree of any size. */
const mostNames = 2 ** 20;

/** All tensors of a value under their paths; modules' under the names of their state dicts. */
export function flatten(root: unknown, label: string): Map<string, LazyTensor> {
  const found = new Map<string, LazyTensor>();
  const inside = new Set<unknown>();
  let visits = 0;
  const visit = (value: unknown, path: readonly string[]): void => {
    if (value instanceof LazyTensor) {
      const key = path.join(".");
      // Two paths may read the same: the later one shows where its names begin and end.
      found.set(found.has(key) ? JSON.stringify(path) : key, value);
      return;
    }
    if (typeof value !== "object" || value === null || inside.has(value)) return;
    check(++visits <= mostNames, () => `${label}: more than ${mostNames} containers`, UnpicklingError);
    inside.add(value);
    for (const [name, item] of childrenOf(value)) visit(item, name === null ? path : [...path, name]);
    inside.delete(value);
  };
  visit(root, []);
  return found;
}

const moduleParts = ["_parameters", "_buffers", "_modules"];

/** What a container holds, each under its name; null for parts that have none. */
function childrenOf(value: object): Iterable<readonly [string | null, unknown]> {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (Array.isArray(value)) return value.map((item, i) => [String(i), item]);
  if (value instanceof Set || value instanceof Uint8Array) return [];
  if (!(value instanceof PickledObject)) return Object.entries(value);
  const { state, args, items, entries } = value;
  const isModule = typeof state === "object" && state !== null && "_parameters" in state && "_modules" in state;
  if (isModule) return moduleParts.map((part) => [null, Reflect.get(state, part)]);
  return [
    [null, state],
    [null, args],
    [null, items],
    [null, entries],
  ];
}
