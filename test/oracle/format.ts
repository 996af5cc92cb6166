/** The encoding of the recorded operator samples (`test/data/oracle`), and how they are read, one operator at a time. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A number of a recorded tensor; the text forms are `NaN`, `Infinity`, `-Infinity` and integers beyond 2^53. */
export type Cell = number | string;

/** A recorded tensor: an input has `id` (and its storage, when it is strided), an output may name the input it aliases. */
export interface TensorRecord {
  readonly t: "tensor";
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data?: readonly Cell[];
  readonly id?: number;
  readonly rg?: boolean;
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly storage?: readonly Cell[];
  readonly storage_of?: number;
  readonly base?: number;
  readonly is?: number;
  readonly meta?: boolean;
}

/** A recorded Python tuple; `names` for a named tuple. */
export interface TupleRecord {
  readonly t: "tuple";
  readonly v: readonly Encoded[];
  readonly names?: readonly string[];
}

/** Any recorded Python value. */
export type Encoded =
  | null
  | boolean
  | number
  | string
  | readonly Encoded[]
  | TensorRecord
  | TupleRecord
  | { readonly t: "int"; readonly v: string }
  | { readonly t: "float"; readonly v: Cell }
  | { readonly t: "complex"; readonly re: Cell; readonly im: Cell }
  | { readonly t: "dict"; readonly v: { readonly [key: string]: Encoded } }
  | { readonly t: "size"; readonly v: readonly number[] }
  | { readonly t: "dtype"; readonly v: string }
  | { readonly t: "device"; readonly v: string }
  | { readonly t: "memory_format"; readonly v: string }
  | { readonly t: "layout"; readonly v: string }
  | { readonly t: "callable"; readonly v: string }
  | { readonly t: "slice"; readonly v: readonly Encoded[] }
  | { readonly t: "ellipsis" }
  | { readonly t: "undef" }
  | { readonly t: "ref"; readonly id: number };

/** The arguments of one recorded call. */
export interface Call {
  readonly args: readonly Encoded[];
  readonly names: readonly string[];
  readonly npos: number;
  readonly opts: { readonly [name: string]: Encoded };
}

/** An input and the tensor recorded for it: its gradient, or its value after the call. */
export interface Entry {
  readonly id: number;
  readonly v: TensorRecord | null;
}

/** One recorded call with its result and gradients; the last group of fields belongs to modules. */
export interface Sample extends Call {
  readonly op: string;
  readonly i: number;
  readonly src: string;
  readonly dtype: string;
  readonly path: string;
  readonly via?: string;
  readonly out: Encoded;
  readonly mutated?: readonly Entry[];
  readonly cot?: readonly (TensorRecord | null)[];
  readonly grads?: readonly Entry[];
  readonly err?: number;
  readonly gerr?: number;
  readonly unstable?: boolean;
  readonly noisy?: boolean;
  readonly complex?: boolean;
  readonly ctor?: Call;
  readonly training?: boolean;
  readonly state?: { readonly [name: string]: TensorRecord };
  readonly params?: readonly string[];
  readonly lazy?: boolean;
  readonly pgrads?: { readonly [name: string]: TensorRecord | null };
  readonly state_after?: { readonly [name: string]: TensorRecord };
}

/** A call that PyTorch refuses. */
export interface ErrorSample extends Call {
  readonly op: string;
  readonly i: number;
  readonly path: string;
  readonly error: string;
  readonly message: string;
}

/** What the index says about an operator. */
export interface OpEntry {
  readonly op: string;
  readonly file: string;
  readonly kind: "function" | "method" | "property" | "operator" | "module" | "lambda";
  readonly path: string;
  readonly compare: string;
  readonly n: number;
  readonly equivalent?: { readonly expr: string };
}

const corpus = new URL("../data/oracle/", import.meta.url);

function linesOf(file: string): string[] {
  return gunzipSync(readFileSync(new URL(file, corpus)))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}

/** The operators of the corpus, in its order. */
export function readIndex(): OpEntry[] {
  const index = JSON.parse(readFileSync(new URL("index.json", corpus), "utf8")) as {
    ops: Record<string, OpEntry>;
  };
  return Object.values(index.ops);
}

/** The samples of one operator. */
export function readSamples(entry: OpEntry): Sample[] {
  return linesOf(entry.file).map((line) => JSON.parse(line) as Sample);
}

/** The refused calls, by operator. */
export function readErrors(): Map<string, ErrorSample[]> {
  const byOp = new Map<string, ErrorSample[]>();
  for (const line of linesOf("errors.jsonl.gz")) {
    const sample = JSON.parse(line) as ErrorSample;
    byOp.set(sample.op, [...(byOp.get(sample.op) ?? []), sample]);
  }
  return byOp;
}

/** Whether a recorded value carries the tag `t`. */
export function isTagged<T extends string>(value: Encoded, t: T): value is Extract<Encoded, { readonly t: T }> {
  return typeof value === "object" && value !== null && "t" in value && value.t === t;
}

/** The number a cell stands for: a bigint only beyond 2^53. */
export function cellValue(cell: Cell): number | bigint {
  if (typeof cell === "number") return cell;
  return /^-?\d+$/.test(cell) ? BigInt(cell) : Number(cell);
}

/** The numbers of a recorded tensor's dtype: float32 decimals are the shortest that restore the float32. */
export function cellValues(cells: readonly Cell[], dtype: string): (number | bigint)[] {
  const values = cells.map(cellValue);
  const single = dtype === "float32" || dtype === "complex64";
  return single ? values.map((value) => Math.fround(Number(value))) : values;
}

/** Every recorded value inside `value`, itself included, depth first. */
export function* walk(value: Encoded): Generator<Encoded> {
  yield value;
  if (typeof value !== "object" || value === null) return;
  if (!("t" in value)) for (const item of value) yield* walk(item);
  else if (value.t === "tuple" || value.t === "slice") for (const item of value.v) yield* walk(item);
  else if (value.t === "dict") for (const item of Object.values(value.v)) yield* walk(item);
}

/** The tensors of a recorded value, depth first: the order of ids, and of the leaves of an output. */
export function tensorsOf(value: Encoded): TensorRecord[] {
  return [...walk(value)].filter((item): item is TensorRecord => isTagged(item, "tensor"));
}

/** The values a call receives: its arguments, then its options. */
export function inputsOf(call: Call): Encoded[] {
  return [...call.args, ...Object.values(call.opts)];
}
