/** A sample's call in each of its forms: function, keyword, method, in-place method, property, operator. */
import { contiguous, Decoder } from "./decode.ts";
import { call, callMethod, construct, lookup, property, type Tensor, tensorHas, tensorMethod } from "./face.ts";
import { type Call, type Encoded, isTagged, type OpEntry, type Sample, type TensorRecord } from "./format.ts";
import { camelCase, camelKeys, inplaceName } from "./names.ts";

/** The ways a call can be written. `keyword`: what PyTorch's test passed by keyword goes into the options object. */
export type Form = "primary" | "keyword" | "method" | "inplace";

/** A call made: its result and the inputs it was given. */
export interface Made {
  readonly result: unknown;
  readonly decoder: Decoder;
  /** The receiver of an in-place call, which the call must return. */
  readonly receiver?: Tensor;
  /** Whether gradients of the inputs reach the result in this form. */
  readonly differentiable: boolean;
}

/** Methods whose receiver is not the first argument. */
const receivers: { readonly [op: string]: number } = { where: 1, polygamma: 1 };

/** The last part of a path, in camelCase. */
export function methodName(path: string): string {
  return camelCase(path.slice(path.lastIndexOf(".") + 1));
}

/** What a sample of the operator calls, in PyTorch's spelling. */
export function calledBy({ path, equivalent, kind }: OpEntry): string {
  const subscript = subscripts[methodName(path)];
  if (subscript !== undefined) return `Tensor.${subscript}`;
  return kind === "operator" && equivalent !== undefined ? equivalent.expr : path;
}

/** Whether the face has what the operator's path names. */
export function exists(entry: OpEntry): boolean {
  const { kind, path } = entry;
  if (kind === "method" || kind === "property") return tensorHas(methodName(path));
  if (kind === "operator") {
    const functions = entry.equivalent?.expr.match(/torch\.[\w.]+/g);
    return functions?.every((name) => lookup(name) !== undefined) ?? tensorHas(subscripts[methodName(path)] ?? "");
  }
  return lookup(path) !== undefined;
}

/** The forms that PyTorch itself reproduces the sample with, the documented one first. */
export function formsOf(entry: OpEntry, sample: Sample): Form[] {
  if (entry.kind !== "function") return ["primary"];
  const via = sample.via ?? "";
  const keywords = sample.args.length > firstKeyword(sample);
  return [
    "primary",
    ...(keywords ? (["keyword"] as const) : []),
    ...(via.includes("m") ? (["method"] as const) : []),
    ...(via.includes("i") ? (["inplace"] as const) : []),
  ];
}

/** Makes the call in one form. */
export function make(entry: OpEntry, sample: Sample, form: Form): Made {
  if (form === "inplace") return makeInplace(sample);
  const decoder = new Decoder();
  const differentiable = true;
  if (form === "keyword") return { result: byKeyword(sample, decoder), decoder, differentiable };
  const args = positional(sample, decoder);
  if (form === "method") {
    return { result: asMethod(sample.path, args, receivers[sample.op] ?? 0), decoder, differentiable };
  }
  return { result: primary(entry, args, sample), decoder, differentiable };
}

function primary(entry: OpEntry, args: readonly unknown[], sample: Sample): unknown {
  switch (entry.kind) {
    case "property":
      return property(args[0], methodName(entry.path));
    case "method":
      return asMethod(entry.path, args, 0);
    case "operator":
      return asOperator(entry, args, sample);
    default:
      return call(sample.path, args);
  }
}

/** Constructs the module of a sample: `new nn.X(...args, { options })`. */
export function constructModule(path: string, ctor: Call, decoder: Decoder): unknown {
  return construct(path, positional(ctor, decoder));
}

/** All arguments by position, then the options object if there are options. */
export function positional({ args, opts }: Call, decoder: Decoder): unknown[] {
  const values = args.map((arg) => decoder.value(arg));
  const options = decodeOptions(opts, decoder);
  return Object.keys(options).length === 0 ? values : [...values, options];
}

function decodeOptions(opts: { readonly [name: string]: Encoded }, decoder: Decoder): Record<string, unknown> {
  const entries = Object.entries(camelKeys(opts)).map(([name, value]) => [name, decoder.value(value)]);
  return Object.fromEntries(entries);
}

/** The first parameter that PyTorch's test passed by keyword; the first of all is always positional here. */
function firstKeyword({ names, npos }: Call): number {
  const variadic = names.findLastIndex((name) => name.startsWith("*"));
  return Math.max(1, npos, variadic + 1);
}

function byKeyword(sample: Sample, decoder: Decoder): unknown {
  const from = firstKeyword(sample);
  const given = sample.args.slice(0, from).map((arg) => decoder.value(arg));
  const named = sample.args.slice(from).map((arg, i) => [sample.names[from + i] ?? "", decoder.value(arg)] as const);
  const options = camelKeys(Object.fromEntries(named.filter(([, value]) => value !== undefined)));
  return call(sample.path, [...given, { ...options, ...decodeOptions(sample.opts, decoder) }]);
}

function asMethod(path: string, args: readonly unknown[], receiver: number): unknown {
  return callMethod(
    args[receiver],
    methodName(path),
    args.filter((_, i) => i !== receiver),
  );
}

/**
 * `name_` on a copy of the receiver. A contiguous receiver is cloned, so that gradients flow; a strided one is rebuilt
 * with its whole storage, because `clone` would change its layout.
 */
function makeInplace(sample: Sample): Made {
  const index = receivers[sample.op] ?? 0;
  const original = sample.args[index] ?? null;
  if (!isTagged(original, "tensor")) throw new Error("the receiver of an in-place call must be a tensor");
  const strided = original.strides !== undefined;
  const decoder = new Decoder({ grad: !strided });
  const args = positional(sample, decoder);
  const receiver = strided ? decoder.input(original.id ?? 0) : tensorMethod(args[index], "clone");
  const rest = args.filter((_, i) => i !== index);
  const result = callMethod(receiver, inplaceName(methodName(sample.path)), rest);
  return { result, decoder, receiver, differentiable: !strided };
}

const subscripts: { readonly [name: string]: string } = { __getitem__: "at", __setitem__: "setAt" };

function asOperator(entry: OpEntry, args: readonly unknown[], sample: Sample): unknown {
  const subscript = subscripts[methodName(entry.path)];
  if (subscript === undefined) return evaluate(entry.equivalent?.expr ?? "", { x: args[0], other: args[1] });
  const index = sample.args[1] ?? null;
  const many = isTuple(index);
  if (subscript === "at") return callMethod(args[0], "at", many ? Array.from(args[1] as unknown[]) : [args[1]]);
  // Python's statement has no result; ours may return the tensor.
  callMethod(args[0], "setAt", [many ? args[1] : [args[1]], args[2]]);
  return null;
}

/** Python tuples, and the lists that PyTorch reads as tuples: those that hold more than numbers and booleans. */
function isTuple(index: Encoded): boolean {
  if (isTagged(index, "tuple")) return true;
  return Array.isArray(index) && index.some((item) => typeof item === "object");
}

/** Evaluates the index's `equivalent` of an operator: nested calls of `torch.` functions on named values. */
export function evaluate(expression: string, values: { readonly [name: string]: unknown }): unknown {
  const tokens = expression.match(/[\w.]+|[(),]/g) ?? [];
  let at = 0;
  const term = (): unknown => {
    const name = tokens[at++] ?? "";
    if (tokens[at] !== "(") {
      if (!(name in values)) throw new Error(`unknown name ${name} in ${expression}`);
      return values[name];
    }
    const args: unknown[] = [];
    do {
      at++;
      args.push(term());
    } while (tokens[at] === ",");
    at++;
    return call(name, args);
  };
  return term();
}

/** The state of a module sample as what `loadStateDict` takes. */
export function stateDict(state: { readonly [name: string]: TensorRecord }): Map<string, Tensor> {
  return new Map(Object.entries(state).map(([name, record]) => [name, contiguous(record)]));
}
