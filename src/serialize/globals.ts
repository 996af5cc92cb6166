/** The allow-list: everything that a checkpoint may name. Each entry builds data from data. */
import { Complex } from "../core/complex.ts";
import { device } from "../core/device.ts";
import { dtypes } from "../core/dtype.ts";
import { sizeOf } from "../core/layout.ts";
import type { ModuleAdapter } from "./adapter.ts";
import { UnpicklingError } from "./errors.ts";
import { Part, PyCallable, PyDict, PyName, PyObject } from "./python.ts";
import { type StorageType, storageTypes, untyped } from "./storage-types.ts";

/** A storage class, as a persistent id has it. */
export class StorageClass extends Part {
  readonly type: StorageType;

  constructor(type: StorageType) {
    super(`the class torch.${type.name}`);
    this.type = type;
  }
}

/** Builds tensors from parts that were read. */
export interface TensorBuilder {
  tensor(args: readonly unknown[], dtype: string | null): unknown;
  parameter(args: readonly unknown[]): unknown;
}

/** Names by which Python 2 knew what Python 3 calls `builtins`. */
const builtins = ["builtins", "__builtin__"] as const;

const bad = (name: string): UnpicklingError => new UnpicklingError(`Weights only load failed. ${name}: bad arguments`);

function items(args: readonly unknown[], name: string): unknown[] {
  if (args.length === 0) return [];
  const [list] = args;
  if (args.length !== 1 || !(Array.isArray(list) || list instanceof Set)) throw bad(name);
  return [...list];
}

function orderedDict(args: readonly unknown[]): PyDict {
  const dict = new PyDict(true);
  for (const pair of items(args, "collections.OrderedDict")) {
    if (!Array.isArray(pair) || pair.length !== 2) throw bad("collections.OrderedDict");
    dict.items.set(pair[0], pair[1]);
  }
  return dict;
}

/** Python 3 writes bytes for protocol 2 as Latin-1 text. */
function encode(args: readonly unknown[]): Uint8Array {
  const [text, encoding] = args;
  const latin = encoding === "latin1" || encoding === "latin-1";
  if (typeof text !== "string" || !latin) throw bad("_codecs.encode");
  return Uint8Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    if (code > 255) throw bad("_codecs.encode");
    return code;
  });
}

function bytearray(args: readonly unknown[]): Uint8Array {
  const [content] = args;
  if (content === undefined) return new Uint8Array(0);
  if (content instanceof Uint8Array) return content.slice();
  return encode(args);
}

function size(args: readonly unknown[]): unknown {
  const sizes = items(args, "torch.Size");
  return sizeOf(sizes.map((value) => count(value, "torch.Size")));
}

/** A size, stride or offset. */
export function count(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw bad(name);
  return value;
}

function makeDevice(args: readonly unknown[]): unknown {
  const [type, index] = args;
  if (typeof type !== "string" || (index !== undefined && typeof index !== "number")) throw bad("torch.device");
  return device(type, index ?? null);
}

function complexNumber(args: readonly unknown[]): Complex {
  const [re, im] = args;
  const isNumber = (x: unknown): x is number | bigint => typeof x === "number" || typeof x === "bigint";
  if (args.length !== 2 || !isNumber(re) || !isNumber(im)) throw bad("complex");
  return new Complex(Number(re), Number(im));
}

/** dtypes that files may name and that have no counterpart here. */
const foreignDTypes =
  /^(b?complex32|chalf|uint(16|32|64)|q(u?int8|int32)|quint\dx\d|float8_\w+|float4_\w+|u?int[1-7]|bits\w+)$/;

function constant(module: string, name: string): unknown {
  if (module !== "torch") return undefined;
  const dtype = Object.hasOwn(dtypes, name) ? Reflect.get(dtypes, name) : undefined;
  if (dtype === undefined && foreignDTypes.test(name)) {
    throw new UnpicklingError(`Weights only load failed. torch.${name}: Cresset has no such dtype`);
  }
  return dtype;
}

/** Modules whose functions a file calls in order to run something: never read, not even as names. */
const hostile =
  /^(os|posix|nt|subprocess|commands|popen2|pty|shutil|socket|sys|importlib|imp|runpy|code|ctypes|webbrowser|pickle|_pickle|marshal|types|builtins|__builtin__)$/;
/** Built-in classes that only are named, as the base of an object or as a type. */
const harmless = /^(object|int|float|bool|str|bytes|list|dict|tuple|slice|range)$/;

const isHostile = (module: string, name: string): boolean =>
  hostile.test(module.split(".")[0]!) && !((module === "builtins" || module === "__builtin__") && harmless.test(name));

/** `copyreg._reconstructor(cls, base, state)`, by which protocol 0 and 1 make objects. */
function reconstruct(args: readonly unknown[]): PyObject {
  const [type, base] = args;
  if (!(type instanceof PyName) || !(base instanceof PyName)) throw bad("copyreg._reconstructor");
  return new PyObject(type, []);
}

/** The allow-list of one load; with `anyClass`, other classes are read as names. */
export function allowedGlobals(
  build: TensorBuilder,
  anyClass: boolean,
  modules: ModuleAdapter | undefined,
): (module: string, name: string) => unknown {
  const table = new Map<string, unknown>();
  const allow = (name: string, call: (args: readonly unknown[]) => unknown): void => {
    table.set(name, new PyCallable(name, call));
  };
  allow("collections.OrderedDict", orderedDict);
  allow("_codecs.encode", encode);
  allow("torch.Size", size);
  allow("torch.device", makeDevice);
  for (const module of builtins) {
    allow(`${module}.set`, (args) => new Set(items(args, "set")));
    allow(`${module}.frozenset`, (args) => new Set(items(args, "frozenset")));
    allow(`${module}.bytearray`, bytearray);
    allow(`${module}.complex`, complexNumber);
  }
  allow("torch._utils._rebuild_tensor", (args) => build.tensor([...args.slice(0, 4), false, null], null));
  allow("torch._utils._rebuild_tensor_v2", (args) => build.tensor(args, null));
  allow("torch._utils._rebuild_tensor_v3", (args) => build.tensor(args.slice(0, 6), dtypeName(args)));
  allow("torch._utils._rebuild_parameter", (args) => build.parameter(args));
  allow("torch._utils._rebuild_parameter_with_state", parameterWithState(build));
  for (const type of storageTypes) {
    for (const module of ["torch", "torch.cuda"]) table.set(`${module}.${type.name}`, new StorageClass(type));
  }
  for (const module of ["torch", "torch.storage"]) table.set(`${module}.UntypedStorage`, new StorageClass(untyped));
  if (anyClass) {
    for (const module of ["copyreg", "copy_reg"]) allow(`${module}._reconstructor`, reconstruct);
  }
  const named = (module: string, name: string): PyName => {
    const safe = modules?.isSafe(module, name) === true;
    if (!safe && (!anyClass || isHostile(module, name))) refuse(module, name, modules?.knows(module, name) === true);
    return new PyName(module, name);
  };
  return (module, name) => table.get(`${module}.${name}`) ?? constant(module, name) ?? named(module, name);
}

/** `_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata)` */
function dtypeName(args: readonly unknown[]): string {
  const dtype = Object.values(dtypes).find((d) => d === args[6]);
  if (dtype === undefined) throw bad("torch._utils._rebuild_tensor_v3");
  return dtype.name;
}

function parameterWithState(build: TensorBuilder): (args: readonly unknown[]) => unknown {
  return (args) => {
    const state = args[3];
    const empty = state === undefined || (state instanceof PyDict && state.items.size === 0);
    if (!empty) throw new UnpicklingError("Weights only load failed. A Parameter with attributes of its own");
    return build.parameter(args.slice(0, 3));
  };
}

function refuse(module: string, name: string, known: boolean): never {
  const isModule = known || module.startsWith("torch.nn.");
  const cure = isHostile(module, name)
    ? "Files that name it want to run commands."
    : `${isModule ? "The file holds a whole module. " : ""}In PyTorch 2.6 the default of weights_only changed from ` +
      "False to True; { weightsOnly: false } reads such objects, too, as modules where the class is known, else as " +
      `plain data${known ? `, and torch.serialization.addSafeGlobals([torch.nn.${name}]) allows this class` : ""}.`;
  throw new UnpicklingError(
    `Weights only load failed. Unsupported global: GLOBAL ${module}.${name} was not an allowed global by default. ` +
      `Cresset never runs code from a file. ${cure}`,
  );
}
