/** TorchScript archives: the state dict of a module that `torch.jit.save` wrote. Its code is not run. */
import { check } from "../core/errors.ts";
import { StateDict } from "../core/statedict.ts";
import type { TensorAdapter } from "./adapter.ts";
import { UnpicklingError } from "./errors.ts";
import { Loader, type LoadOptions, type StorageBytes } from "./load.ts";
import { deepest, PickledObject } from "./python.ts";
import { decodeText } from "./text.ts";
import type { ZipReader } from "./zip-read.ts";

/** More modules than this are taken for an attack: shared ones can be written as a tree of any size. */
const mostModules = 2 ** 20;

/** Which attributes of a class are its state, in order. */
type StateNames = readonly string[];

/** The parameters and buffers under their dotted names, as `state_dict()` of the loaded module has them. */
export function readScript(
  zip: ZipReader,
  folder: string,
  pickle: Uint8Array,
  adapter: TensorAdapter,
  label: string,
  storages: StorageBytes,
  options: LoadOptions,
): StateDict<object> {
  const { modules: _none, ...plain } = adapter;
  const loader = new Loader(plain, label, storages, { ...options, weightsOnly: false, detached: true });
  const root = loader.load(pickle).value;
  check(root instanceof PickledObject, () => `${label}: expected a TorchScript module`, UnpicklingError);
  const state = new StateDict<object>();
  const names = new Map<string, StateNames | null>();
  const namesOf = (object: PickledObject): StateNames | null => {
    const key = `${object.module}.${object.name}`;
    if (!names.has(key)) names.set(key, declared(zip, folder, object));
    return names.get(key)!;
  };
  const isTensor = (value: unknown): value is object =>
    typeof value === "object" && value !== null && adapter.describe(value) !== null;

  let modules = 0;
  const walk = (object: PickledObject, prefix: string, depth: number): void => {
    check(depth <= deepest, () => `${label}: modules nested deeper than ${deepest} levels`, UnpicklingError);
    check(++modules <= mostModules, () => `${label}: more than ${mostModules} modules`, UnpicklingError);
    const attributes = attributesOf(object, label);
    const wanted = namesOf(object) ?? [...attributes.keys()];
    for (const name of wanted) {
      const value = attributes.get(name);
      if (isTensor(value)) state.set(prefix + name, value);
    }
    for (const [name, value] of attributes) {
      if (value instanceof PickledObject && value.args !== null && value.module.startsWith("__torch__")) {
        walk(value, `${prefix}${name}.`, depth + 1);
      }
    }
  };
  walk(root, "", 0);
  return state;
}

function attributesOf(object: PickledObject, label: string): Map<string, unknown> {
  const { state } = object;
  if (state === null) return new Map();
  if (state instanceof Map) return new Map([...state].map(([key, value]) => [String(key), value]));
  check(
    typeof state === "object" && !Array.isArray(state),
    () => `${label}: ${object} has no attributes`,
    UnpicklingError,
  );
  return new Map(Object.entries(state));
}

const list = (text: string): string[] => [...text.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]!);

/** What the class's code declares as parameters and buffers; null for code that does not say. */
function declared(zip: ZipReader, folder: string, { module, name }: PickledObject): StateNames | null {
  const entry = `${folder}code/${module.replaceAll(".", "/")}.py`;
  if (!zip.entries.has(entry)) return null;
  const code = decodeText(zip.read(entry)) ?? "";
  const start = new RegExp(`^class ${name.replace(/\W/g, "\\$&")}\\(`, "m").exec(code);
  if (start === null) return null;
  const body = code.slice(start.index);
  const parameters = /^ {2}__parameters__ = \[(.*)\]$/m.exec(body);
  const buffers = /^ {2}__buffers__ = \[(.*)\]$/m.exec(body);
  if (parameters === null) return null;
  return [...list(parameters[1]!), ...list(buffers?.[1] ?? "")];
}
