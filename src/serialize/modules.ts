/** Whole modules in files: the state that Python's pickles have for a module, and a module made of such a state. */
import { check } from "../core/errors.ts";
import { StateDict } from "../core/statedict.ts";
import { isTensor } from "../core/tensor.ts";
import { callable } from "../nn/call.ts";
import * as F from "../nn/functional.ts";
import { HookList } from "../nn/hooks.ts";
import type { AnyModule } from "../nn/module.ts";
import { isParameter } from "../nn/parameter.ts";
import {
  adopt,
  isExposed,
  isModule,
  Registry,
  registerBuffer,
  registerModule,
  registerParameter,
} from "../nn/registry.ts";
import type { ModuleAdapter, ModuleParts } from "./adapter.ts";
import { PicklingError, UnpicklingError } from "./errors.ts";
import { builtinClass, builtinOf, type ModuleClass, partsOfLayers } from "./module-classes.ts";
import { PickledObject, PyFloat, PyName, PyTuple } from "./python.ts";
import { safeClass, safeClassOf } from "./safe-globals.ts";

/** What every module's state has beside its attributes; PyTorch restores what newer versions added. */
const inner = new Set([
  "training",
  "_parameters",
  "_buffers",
  "_non_persistent_buffers_set",
  "_backward_pre_hooks",
  "_backward_hooks",
  "_is_full_backward_hook",
  "_forward_hooks",
  "_forward_hooks_with_kwargs",
  "_forward_hooks_always_called",
  "_forward_pre_hooks",
  "_forward_pre_hooks_with_kwargs",
  "_state_dict_hooks",
  "_state_dict_pre_hooks",
  "_load_state_dict_pre_hooks",
  "_load_state_dict_post_hooks",
  "_modules",
]);

const upsampling = ["name"];
const encoder = ["enable_nested_tensor", "use_nested_tensor", "mask_check"];

/** Attributes of Python's classes that follow from the rest or have no counterpart, beside those with an underscore. */
const derived: Readonly<Record<string, readonly string[]>> = {
  ReLU6: ["min_val", "max_val"],
  ZeroPad1d: ["value"],
  ZeroPad2d: ["value"],
  ZeroPad3d: ["value"],
  RNN: ["all_weights"],
  LSTM: ["all_weights"],
  GRU: ["all_weights"],
  Upsample: upsampling,
  UpsamplingNearest2d: upsampling,
  UpsamplingBilinear2d: upsampling,
  TransformerEncoder: encoder,
  TransformerEncoderLayer: ["activation_relu_or_gelu"],
};

const isDerived = (type: ModuleClass, name: string): boolean =>
  type.attributes !== null && (name.startsWith("_") || derived[type.name]?.includes(name) === true);

// ---------------------------------------------------------------- writing

type State = [name: string, value: unknown][];

function describe(value: unknown): ModuleParts | null {
  if (!isModule(value)) return null;
  const prototype = Object.getPrototypeOf(value) as { constructor: { name: string } };
  const type = safeClassOf(prototype) ?? builtinOf(prototype);
  const name = prototype.constructor.name;
  check(
    type !== null,
    () =>
      `Can't pickle a whole ${name}: a file holds only the name of a class, and ${name} has none there; save its ` +
      `stateDict() instead, or give it one with torch.serialization.addSafeGlobals([[${name}, "__main__.${name}"]])`,
    PicklingError,
  );
  const table = adopt(value);
  for (const [kind, list] of Object.entries(table.hooks)) {
    const none = !(list instanceof HookList) || list.size === 0;
    check(none, () => `Can't pickle the ${kind} hooks of a ${name}: they are functions`, PicklingError);
  }
  const fields = ownFields(value);
  const attributes = type.attributes === null ? fields : torchAttributes(type, value, fields);
  return { module: type.module, name: type.name, state: [...innerState(value, table, type), ...attributes] };
}

/** As PyTorch 1.13 writes it, which all versions since 1.6 read. */
function innerState(module: AnyModule, table: Registry, type: ModuleClass): State {
  const parameters = [...table.parameters].filter(([name, param]) => param !== null || !plainNull(type, name));
  return [
    ["training", module.training],
    ["_parameters", new StateDict<unknown>(parameters)],
    ["_buffers", new StateDict<unknown>(table.buffers)],
    ["_non_persistent_buffers_set", new Set(table.transient)],
    ["_backward_hooks", new StateDict()],
    ["_is_full_backward_hook", null],
    ["_forward_hooks", new StateDict()],
    ["_forward_pre_hooks", new StateDict()],
    ["_state_dict_hooks", new StateDict()],
    ["_load_state_dict_pre_hooks", new StateDict()],
    ["_load_state_dict_post_hooks", new StateDict()],
    ["_modules", new StateDict<unknown>(table.modules)],
  ];
}

/** Attributes that Python has as plain None where here an empty Parameter stands. */
const plainNull = (type: ModuleClass, name: string): boolean =>
  type.name === "MultiheadAttention" && (name === "bias_k" || name === "bias_v");

/** The fields that are not registered, in order. */
function ownFields(module: AnyModule): State {
  const fields: State = [];
  for (const name of Object.getOwnPropertyNames(module)) {
    const descriptor = Object.getOwnPropertyDescriptor(module, name)!;
    if (name === "training" || isExposed(descriptor)) continue;
    if ("value" in descriptor) fields.push([name, descriptor.value as unknown]);
  }
  return fields;
}

function torchAttributes(type: ModuleClass, module: AnyModule, fields: State): State {
  const left = new Map(fields);
  const state: State = [];
  for (const { python, field, float } of type.attributes!) {
    if (!left.has(field)) continue;
    state.push([python, toPython(left.get(field), float)]);
    left.delete(field);
  }
  for (const [name] of left) {
    const clash = inner.has(name) || state.some(([taken]) => taken === name);
    check(!clash, () => `Can't pickle the field ${name} of a ${type.name}: Python's class uses it`, PicklingError);
  }
  return [...state, ...derivedAttributes(type, module), ...left];
}

function toPython(value: unknown, float: boolean): unknown {
  if (Array.isArray(value)) return new PyTuple(value.map((item) => toPython(item, float)));
  if (typeof value === "number" && float) return new PyFloat(value);
  if (typeof value !== "function") return value;
  const { relu, gelu } = partsOfLayers();
  if (value === relu || value === F.relu) return new PyName("torch.nn.functional", "relu");
  if (value === gelu || value === F.gelu) return new PyName("torch._C._nn", "gelu");
  return value;
}

/** What Python's classes compute when they are made. */
function derivedAttributes(type: ModuleClass, module: AnyModule): State {
  const field = (name: string): unknown => Reflect.get(module, name);
  const { parameters } = adopt(module);
  if (type.module.endsWith(".conv")) return [["_reversed_padding_repeated_twice", reversedPadding(module)]];
  if (/^(RNN|LSTM|GRU)$/.test(type.name)) return flatWeights(module);
  switch (type.name) {
    case "MultiheadAttention": {
      const none = ["bias_k", "bias_v"].filter((name) => parameters.get(name) === null);
      const same = field("kdim") === field("embedDim") && field("vdim") === field("embedDim");
      return [["_qkv_same_embed_dim", same], ...none.map((name): [string, unknown] => [name, null])];
    }
    case "ParameterList":
      return [["_size", parameters.size]];
    case "ParameterDict":
      return [["_keys", new Map([...parameters.keys()].map((key) => [key, null]))]];
    case "ReLU6":
      return [
        ["min_val", new PyFloat(0)],
        ["max_val", new PyFloat(6)],
      ];
    case "ZeroPad1d":
    case "ZeroPad2d":
    case "ZeroPad3d":
      return [["value", new PyFloat(0)]];
    case "Upsample":
    case "UpsamplingNearest2d":
    case "UpsamplingBilinear2d":
      return [["name", type.name]];
    case "TransformerEncoder":
      return [
        ["enable_nested_tensor", true],
        ["mask_check", true],
      ];
    case "TransformerEncoderLayer":
      return [["activation_relu_or_gelu", activationNumber(field("activation"))]];
    default:
      return [];
  }
}

function activationNumber(activation: unknown): number {
  const python = toPython(activation, false);
  if (!(python instanceof PyName)) return 0;
  return python.name === "relu" ? 1 : 2;
}

/** The padding as `F.pad` takes it: the last dimension first, each number for both of its ends. */
function reversedPadding(module: AnyModule): unknown {
  const padding: unknown = Reflect.get(module, "padding");
  const sizes = Reflect.get(module, "kernelSize") as readonly number[];
  if (Array.isArray(padding)) return new PyTuple([...padding].reverse().flatMap((n: number) => [n, n]));
  const dilation = Reflect.get(module, "dilation") as readonly number[];
  const total = sizes.map((size, i) => (padding === "same" ? dilation[i]! * (size - 1) : 0));
  return total.reverse().flatMap((n) => [Math.floor(n / 2), n - Math.floor(n / 2)]);
}

function flatWeights(module: AnyModule): State {
  const { parameters } = adopt(module);
  const names = [...parameters.keys()];
  const layers = (Reflect.get(module, "numLayers") as number) * (Reflect.get(module, "bidirectional") === true ? 2 : 1);
  const each = names.length / layers;
  const grouped = Array.from({ length: layers }, (_, i) => names.slice(i * each, (i + 1) * each));
  return [
    ["_flat_weights_names", names],
    ["_all_weights", grouped],
    ["_flat_weights", [...parameters.values()]],
  ];
}

// ---------------------------------------------------------------- reading

const find = (module: string, name: string): ModuleClass | null =>
  safeClass(module, name) ?? builtinClass(module, name);

function make(module: string, name: string): object {
  return callable(find(module, name)!.prototype as AnyModule, new Registry());
}

/** A part of a state as a map. */
function table(state: ReadonlyMap<string, unknown>, name: string): ReadonlyMap<unknown, unknown> {
  const found = state.get(name);
  if (found === undefined) return new Map();
  if (found instanceof Map) {
    for (const key of found.keys()) {
      check(typeof key === "string", () => `${name} of a module has a name that is no string`, UnpicklingError);
    }
    return found;
  }
  const plain = typeof found === "object" && found !== null && Object.getPrototypeOf(found) === null;
  check(plain, () => `the state of a module has no ${name}`, UnpicklingError);
  return new Map(Object.entries(found as object));
}

function fill(target: object, module: string, name: string, state: ReadonlyMap<string, unknown>): void {
  const type = find(module, name)!;
  const shell = target as AnyModule;
  const bad = (what: string): UnpicklingError => new UnpicklingError(`the state of a ${name}: ${what}`);
  for (const key of state.keys()) if (typeof key !== "string") throw bad("an attribute whose name is no string");
  const training = state.get("training") ?? true;
  if (typeof training !== "boolean") throw bad("training is no bool");
  shell.training = training;
  for (const [key, value] of table(state, "_parameters")) {
    if (value !== null && !isParameter(value)) throw bad(`_parameters holds ${String(key)}, which is no Parameter`);
    registerParameter(shell, key as string, value);
  }
  const transient = state.get("_non_persistent_buffers_set");
  for (const [key, value] of table(state, "_buffers")) {
    if (value !== null && !isTensor(value)) throw bad(`_buffers holds ${String(key)}, which is no tensor`);
    registerBuffer(shell, key as string, value, !(transient instanceof Set && transient.has(key)));
  }
  for (const [key, value] of table(state, "_modules")) {
    if (value !== null && !isModule(value)) throw bad(`_modules holds ${String(key)}, which is no module`);
    registerModule(shell, key as string, value);
  }
  fillFields(shell, type, state, bad);
}

function fillFields(
  shell: AnyModule,
  type: ModuleClass,
  state: ReadonlyMap<string, unknown>,
  bad: (what: string) => UnpicklingError,
): void {
  const known = new Set(inner);
  for (const { python, field, missing } of type.attributes ?? []) {
    known.add(python);
    const value = state.has(python) ? state.get(python) : missing;
    if (adopt(shell).has(python)) continue;
    if (value === undefined) throw bad(`it has no ${python}`);
    define(shell, field, fromPython(value, python, bad));
  }
  for (const [name, value] of state) {
    if (known.has(name) || isDerived(type, name)) continue;
    if (plainNull(type, name) && value === null) registerParameter(shell, name, null);
    else if (name in shell) throw bad(`the attribute ${name} has the name of a field or method of the class`);
    else define(shell, name, value);
  }
}

const isScalar = (value: unknown): boolean => value === null || /^(number|boolean|string)$/.test(typeof value);

function fromPython(value: unknown, name: string, bad: (what: string) => UnpicklingError): unknown {
  if (isScalar(value)) return value;
  if (Array.isArray(value) && value.every(isScalar)) return [...value];
  if (name === "activation" && value instanceof PickledObject && value.args === null) {
    const function_ = `${value.module}.${value.name}`;
    if (function_ === "torch.nn.functional.relu") return partsOfLayers().relu;
    if (/^torch\.(_C\._nn|nn\.functional)\.gelu$/.test(function_)) return partsOfLayers().gelu;
    throw bad(`its activation ${function_} has no counterpart here`);
  }
  throw bad(`${name} is neither a number, a string nor a list of them`);
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

/** What `torch.save` and `torch.load` know of modules. */
export const modules: ModuleAdapter = {
  describe,
  knows: (module, name) => find(module, name) !== null,
  isSafe: (module, name) => safeClass(module, name) !== null,
  make,
  fill,
};
