/** After which statements the map is shown, and what of the scope is in it. */
import * as torch from "cresset";
import type { Shown } from "../view/rows.ts";

/** The first times at a place are always shown; after that, one in so many milliseconds. */
const firstTimes = 3;
const pause = 100;
/** Names beyond which a map is too long to be sent after every statement. */
const mostNames = 5000;
/** A map that took longer, in milliseconds, is not made again before so many times as much has passed. */
const slow = 20;
const patience = 9;

const times: number[] = [];
let last = Number.NEGATIVE_INFINITY;
let notBefore = Number.NEGATIVE_INFINITY;
/** Whether something ran since the last map. */
let stale = false;

/** Whether the statement at a place is to be shown now; at the end of the program, whether anything is left to show. */
export function due(site: number | "end"): boolean {
  if (site === "end") return stale;
  const before = times[site] ?? 0;
  times[site] = before + 1;
  const now = performance.now();
  stale = now < notBefore || (before >= firstTimes && now - last <= pause);
  return !stale;
}

/** Whether a value can hold tensors; namespaces hold the library. */
function holdsTensors(value: unknown): value is object {
  if (torch.isTensor(value) || ArrayBuffer.isView(value) || typeof value === "function") {
    return typeof value !== "function" || value instanceof torch.nn.Module;
  }
  if (typeof value !== "object" || value === null) return false;
  return Reflect.get(value, Symbol.toStringTag) !== "Module" && value !== torch;
}

/** The scope as plain values; a name that is not initialised yet is left out. */
function valuesOf(scope: object): Record<string, object> {
  const values: Record<string, object> = {};
  for (const name of Object.keys(scope)) {
    try {
      const value: unknown = Reflect.get(scope, name);
      if (holdsTensors(value)) values[name] = value;
    } catch {
      // Declared below what runs now.
    }
  }
  return values;
}

/** The state dicts in a scope, which are what drifts: models and loose tensors change because they shall. */
function kept(value: unknown, path: string, found: Record<string, torch.StateDict>, depth = 0): void {
  if (value instanceof torch.StateDict) found[path] = value;
  else if (depth < 3 && (Array.isArray(value) || isPlain(value))) {
    for (const [key, item] of Object.entries(value)) kept(item, path === "" ? key : `${path}.${key}`, found, depth + 1);
  }
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

let before = "";

/** The map of a scope; null where it is as it was, undefined where it has too many names. */
export function snapshot(scope: object): Shown | null | undefined {
  const began = performance.now();
  const shown = shownOf(scope);
  last = performance.now();
  if (last - began > slow) notBefore = last + patience * (last - began);
  return shown;
}

function shownOf(scope: object): Shown | null | undefined {
  const values = valuesOf(scope);
  const map = torch.lens.map(values);
  if (map.storages.reduce((sum, { tensors }) => sum + tensors.length, 0) > mostNames) return undefined;
  const states: Record<string, torch.StateDict> = {};
  kept(values, "", states);
  const shown = { map, changes: Object.fromEntries(torch.lens.drift(states)) };
  const text = JSON.stringify(shown);
  if (text === before) return null;
  before = text;
  return shown;
}
