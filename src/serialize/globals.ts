/** The allow-list: everything that a checkpoint may name. Each entry builds data from data. */
import { Complex } from "../core/complex.ts";
import { device } from "../core/device.ts";
import { type DType, dtypes } from "../core/dtype.ts";
import { sizeOf } from "../core/layout.ts";
import { strided } from "../ops/attributes.ts";
import type { ModuleAdapter } from "./adapter.ts";
import { ContentError } from "./errors.ts";
import { numpyGlobals } from "./numpy-objects.ts";
import { Part, PyCallable, PyDict, PyName, PyObject } from "./python.ts";
import { itemsizeOf, quantizedTypes, type StorageType, storageTypes, untyped } from "./storage-types.ts";

/** A storage class, as a persistent id has it. */
export class StorageClass extends Part {
  readonly type: StorageType;

  constructor(type: StorageType) {
    super("torch", type.name);
    this.type = type;
  }
}

/** A dtype that files may have and tensors here have not. */
class ForeignDType extends Part {}

/** Builds tensors from parts that were read. */
export interface TensorBuilder {
  /** A tensor of `(storage, offset, size, stride, requires_grad, hooks, metadata)`, which `name` gets as `given`. */
  tensor(args: readonly unknown[], dtype: string | null, name: string, given: readonly unknown[]): unknown;
  metaTensor(dtype: string, args: readonly unknown[]): unknown;
  parameter(args: readonly unknown[], state: unknown): unknown;
  /** A tensor of another class, or with attributes. */
  typed(tensor: unknown, type: Part, state: unknown): unknown;
  /** A tensor that was on a device whose memory files do not hold. */
  onDevice(tensor: unknown, dtype: string, location: string, requiresGrad: unknown): unknown;
  /** A tensor of these elements; null where tensors have no such dtype. */
  array(dtype: string, shape: readonly number[], fortran: boolean, elements: Uint8Array): object | null;
}

/** Names by which Python 2 knew what Python 3 calls `builtins`. */
const builtins = ["builtins", "__builtin__"] as const;

const bad = (name: string): ContentError => new ContentError(`Weights only load failed. ${name}: bad arguments`);

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

/** A dict from elements to how many of them there are. */
function counter(args: readonly unknown[]): PyDict {
  const [counts] = args;
  if (args.length > 1 || !(counts === undefined || counts instanceof PyDict)) throw bad("collections.Counter");
  return counts ?? new PyDict(false);
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

function dtypeOf(name: string): DType | ForeignDType | undefined {
  const dtype: unknown = Object.hasOwn(dtypes, name) ? Reflect.get(dtypes, name) : undefined;
  if (dtype !== undefined) return dtype as DType;
  return itemsizeOf(name) === undefined ? undefined : new ForeignDType("torch", name);
}

const quantizationSchemes = /^per_(tensor|channel)_(affine|symmetric)$|^per_channel_affine_float_qparams$/;

function constant(module: string, name: string): unknown {
  if (module !== "torch") return undefined;
  return quantizationSchemes.test(name) ? new Part(module, name) : dtypeOf(name);
}

/** `float32`, of a dtype as a file has it. */
function dtypeName(value: unknown, where: string): string {
  const known = Object.values(dtypes).find((d) => d === value);
  if (known !== undefined) return known.name;
  if (!(value instanceof ForeignDType)) throw bad(where);
  return value.name;
}

/** Modules whose functions a file calls in order to run something: never read, not even as names. */
const hostile =
  /^(os|posix|nt|subprocess|commands|popen2|pty|shutil|socket|sys|importlib|imp|runpy|code|ctypes|webbrowser|pickle|_pickle|marshal)$/;
/** Those of Python's built-in functions that run or reach code. */
const hostileBuiltins =
  /^(eval|exec|execfile|compile|__import__|open|file|input|raw_input|apply|breakpoint|globals|locals|vars|setattr|delattr|reload)$/;
const hostileTypes = /^(CodeType|FunctionType|LambdaType|ModuleType)$/;

function isHostile(module: string, name: string): boolean {
  if (module === "builtins" || module === "__builtin__") return hostileBuiltins.test(name);
  return hostile.test(module.split(".")[0]!) || (module === "types" && hostileTypes.test(name));
}

/** `copyreg._reconstructor(cls, base, state)`, by which protocol 0 and 1 make objects. */
function reconstruct(args: readonly unknown[]): PyObject {
  const [type, base] = args;
  if (!(type instanceof PyName) || !(base instanceof PyName)) throw bad("copyreg._reconstructor");
  return new PyObject(type, []);
}

type Allow = (name: string, call: (args: readonly unknown[]) => unknown) => void;

/** Python's own plain data. */
function allowData(allow: Allow): void {
  allow("collections.OrderedDict", orderedDict);
  allow("collections.Counter", counter);
  allow("_codecs.encode", encode);
  allow("torch.Size", size);
  allow("torch.device", makeDevice);
  for (const module of builtins) {
    allow(`${module}.set`, (args) => new Set(items(args, "set")));
    allow(`${module}.frozenset`, (args) => new Set(items(args, "frozenset")));
    allow(`${module}.bytearray`, bytearray);
    allow(`${module}.bytes`, bytearray);
    allow(`${module}.complex`, complexNumber);
  }
}

/** The functions of `torch._utils` by which PyTorch's pickles make tensors. */
function allowTensors(allow: Allow, build: TensorBuilder): void {
  const utils = (name: string, call: (args: readonly unknown[]) => unknown): void =>
    allow(`torch._utils.${name}`, call);
  utils("_rebuild_tensor", (args) => build.tensor([...args.slice(0, 4), false, null], null, "_rebuild_tensor", args));
  utils("_rebuild_tensor_v2", (args) => build.tensor(args, null, "_rebuild_tensor_v2", args));
  // (storage, offset, size, stride, requires_grad, hooks, dtype, metadata)
  utils("_rebuild_tensor_v3", (args) => {
    const dtype = dtypeName(args[6], "torch._utils._rebuild_tensor_v3");
    return build.tensor([...args.slice(0, 6), args[7]], dtype, "_rebuild_tensor_v3", args);
  });
  utils("_rebuild_parameter", (args) => build.parameter(args, null));
  utils("_rebuild_parameter_with_state", (args) => build.parameter(args.slice(0, 3), args[3]));
  utils("_rebuild_meta_tensor_no_storage", ([dtype, ...rest]) =>
    build.metaTensor(dtypeName(dtype, "torch._utils._rebuild_meta_tensor_no_storage"), rest),
  );
  for (const from of ["cpu_tensor", "numpy"]) {
    utils(`_rebuild_device_tensor_from_${from}`, ([data, dtype, location, requiresGrad]) =>
      build.onDevice(data, dtypeName(dtype, "torch.device"), String(location), requiresGrad),
    );
  }
  allow("torch._tensor._rebuild_from_type_v2", ([rebuild, type, args, state]) => {
    const complete = rebuild instanceof PyCallable && type instanceof Part && Array.isArray(args);
    if (!complete) throw bad("torch._tensor._rebuild_from_type_v2");
    return build.typed(rebuild.call(args), type, state);
  });
}

/** Tensors of other kinds: their parts are read as plain data where that is asked for, else they are refused by name. */
const otherTensors: Readonly<Record<string, string>> = {
  _rebuild_sparse_tensor: "a sparse tensor",
  _rebuild_sparse_csr_tensor: "a sparse tensor",
  _rebuild_qtensor: "a quantized tensor",
  _rebuild_nested_tensor: "a nested tensor",
  _rebuild_wrapper_subclass: "a wrapper of tensors",
};

const refusedByName = new Set(Object.keys(otherTensors).map((name) => `torch._utils.${name}`));

function refusedTable(): Map<string, Part> {
  const refusals = Object.entries(otherTensors).map(([name, what]) => {
    const part = new PyCallable("torch._utils", name, (args) => {
      const kind = args.flat().find((arg) => arg instanceof Part && arg.module === "torch");
      const shown = kind === undefined ? "" : ` of ${kind}`;
      throw new ContentError(
        `Weights only load failed. The file holds ${what} (torch._utils.${name}${shown}), which Cresset has not; ` +
          "{ weightsOnly: false } reads its parts as plain data",
      );
    });
    return [String(part), part] as const;
  });
  return new Map(refusals);
}

/** `torch.strided`, or the name of a layout that is not here. */
function layout(args: readonly unknown[]): unknown {
  const [name] = args;
  if (typeof name !== "string" || !name.startsWith("torch.")) throw bad("torch.serialization._get_layout");
  return name === String(strided) ? strided : new Part("torch", name.slice("torch.".length));
}

/** Names of classes that only stand beside the function that makes them. */
const tensorClasses = [
  "torch.Tensor",
  "torch._C.TensorBase",
  "torch.nn.parameter.Parameter",
  "torch.nn.parameter.Buffer",
];

function split(path: string): [module: string, name: string] {
  const dot = path.lastIndexOf(".");
  return [path.slice(0, dot), path.slice(dot + 1)];
}

/** A class or function that a pickle names. */
export interface NamedGlobal {
  readonly module: string;
  readonly name: string;
  /** Whether `weightsOnly` accepts it. */
  readonly allowed: boolean;
  /** Whether it runs or reaches code in Python, so that Cresset refuses it always. */
  readonly dangerous: boolean;
}

/** What a load allows beside the list. */
interface Allowance {
  /** False reads other classes as names. */
  readonly weightsOnly?: boolean | null;
  /** Reads dangerous ones as names, too. */
  readonly inert?: boolean;
  readonly named?: (global: NamedGlobal) => void;
}

/** The allow-list of one load. */
export function allowedGlobals(
  build: TensorBuilder,
  { weightsOnly, inert = false, named }: Allowance,
  modules: ModuleAdapter | undefined,
): (module: string, name: string) => unknown {
  const anyClass = weightsOnly === false;
  const table = tableOf(build);
  const others = anyClass ? opaqueTable(build) : refusedTable();
  return (module, name) => {
    const path = `${module}.${name}`;
    const known = table.get(path) ?? constant(module, name);
    const safe = known !== undefined || refusedByName.has(path) || modules?.isSafe(module, name) === true;
    const dangerous = isHostile(module, name);
    named?.({ module, name, allowed: safe, dangerous });
    if (known !== undefined) return known;
    const other = others.get(path);
    if (other !== undefined) return other;
    if (!safe && (!anyClass || (dangerous && !inert))) {
      refuse(module, name, modules?.knows(module, name) === true);
    }
    return new PyName(module, name);
  };
}

function tableOf(build: TensorBuilder): Map<string, Part> {
  const table = new Map<string, Part>();
  const allow: Allow = (path, call) => void table.set(path, new PyCallable(...split(path), call));
  allowData(allow);
  allowTensors(allow, build);
  allow("torch.serialization._get_layout", layout);
  for (const path of tensorClasses) table.set(path, new Part(...split(path)));
  for (const type of [...storageTypes, ...quantizedTypes]) {
    for (const module of ["torch", "torch.cuda"]) table.set(`${module}.${type.name}`, new StorageClass(type));
  }
  for (const module of ["torch", "torch.storage"]) table.set(`${module}.UntypedStorage`, new StorageClass(untyped));
  return table;
}

/** What is more than a name where other classes are read, too. */
function opaqueTable(build: TensorBuilder): Map<string, Part> {
  const made = ["copyreg", "copy_reg"].map((module) => new PyCallable(module, "_reconstructor", reconstruct));
  return new Map([...made, ...numpyGlobals(build)].map((part) => [String(part), part]));
}

function refuse(module: string, name: string, known: boolean): never {
  const isModule = known || module.startsWith("torch.nn.");
  const cure = isHostile(module, name)
    ? "Files that name it want to run commands."
    : `${isModule ? "The file holds a whole module. " : ""}In PyTorch 2.6 the default of weights_only changed from ` +
      "False to True; { weightsOnly: false } reads such objects, too, as modules where the class is known, else as " +
      `plain data${known ? `, and torch.serialization.addSafeGlobals([torch.nn.${name}]) allows this class` : ""}.`;
  throw new ContentError(
    `Weights only load failed. Unsupported global: GLOBAL ${module}.${name} was not an allowed global by default. ` +
      `Cresset never runs code from a file. ${cure}`,
  );
}
