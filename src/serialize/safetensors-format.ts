/** The safetensors format: a length, a header in JSON, and the tensors' bytes one after another. */
import { check } from "../core/errors.ts";
import { SafetensorError } from "./errors.ts";
import { arrived, type Pieces } from "./pieces.ts";
import type { Source } from "./source.ts";

/** One tensor as the header has it. */
export interface SafetensorInfo {
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Offset of the first byte in the file. */
  readonly start: number;
  readonly nbytes: number;
}

/** A header that agrees with itself and with the file's size. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

interface Row {
  readonly dtype: string;
  readonly itemsize: number;
}

/** By the format's names, in the order in which its writer sorts. */
const rows: ReadonlyMap<string, Row> = new Map([
  ["BOOL", { dtype: "bool", itemsize: 1 }],
  ["U8", { dtype: "uint8", itemsize: 1 }],
  ["I8", { dtype: "int8", itemsize: 1 }],
  ["F8_E5M2", { dtype: "float8_e5m2", itemsize: 1 }],
  ["F8_E4M3", { dtype: "float8_e4m3fn", itemsize: 1 }],
  ["F8_E8M0", { dtype: "float8_e8m0fnu", itemsize: 1 }],
  ["I16", { dtype: "int16", itemsize: 2 }],
  ["U16", { dtype: "uint16", itemsize: 2 }],
  ["F16", { dtype: "float16", itemsize: 2 }],
  ["BF16", { dtype: "bfloat16", itemsize: 2 }],
  ["I32", { dtype: "int32", itemsize: 4 }],
  ["U32", { dtype: "uint32", itemsize: 4 }],
  ["F32", { dtype: "float32", itemsize: 4 }],
  ["C64", { dtype: "complex64", itemsize: 8 }],
  ["F64", { dtype: "float64", itemsize: 8 }],
  ["I64", { dtype: "int64", itemsize: 8 }],
  ["U64", { dtype: "uint64", itemsize: 8 }],
]);

const order = [...rows.keys()];
const largestHeader = 100_000_000;
const prefix = 8;

const fail = (source: Source, kind: string, what: string): SafetensorError =>
  new SafetensorError(`${source.name}: Error while deserializing header: ${kind}: ${what}`);

/** Whether a file may be one of this format, by its first nine bytes. */
export function looksLikeSafetensors(start: Uint8Array): boolean {
  if (start.length < prefix + 1) return false;
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return length <= BigInt(largestHeader) && start[prefix] === 0x7b;
}

/** Reads and checks a header. */
export function readSafetensorsHeader(source: Source): SafetensorsHeader {
  if (source.size < prefix) {
    throw fail(source, "HeaderTooSmall", `expected at least ${prefix} bytes, found ${source.size}`);
  }
  const start = source.read(0, prefix);
  const length = new DataView(start.buffer, start.byteOffset, prefix).getBigUint64(0, true);
  if (length > BigInt(largestHeader)) throw fail(source, "HeaderTooLarge", `${length} bytes`);
  const dataStart = prefix + Number(length);
  if (dataStart > source.size) {
    throw fail(source, "InvalidHeaderLength", `a header of ${length} bytes at offset 8 of ${source.size} bytes`);
  }
  const header = parse(source, source.read(prefix, Number(length)));
  const metadata = new Map<string, string>();
  const tensors: [string, SafetensorInfo][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") readMetadata(source, value, metadata);
    else tensors.push([name, readInfo(source, name, value, dataStart)]);
  }
  checkCover(source, tensors, dataStart);
  return { tensors: new Map(tensors), metadata };
}

function parse(source: Source, bytes: Uint8Array): object {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw fail(source, "InvalidHeader", "it is not UTF-8");
  }
  if (!text.startsWith("{"))
    throw fail(source, "InvalidHeaderStart", `it begins with ${JSON.stringify(text[0] ?? "")}`);
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw fail(source, "InvalidHeaderDeserialization", (error as Error).message.slice(0, 200));
  }
}

function readMetadata(source: Source, value: unknown, into: Map<string, string>): void {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  for (const [key, text] of isObject ? Object.entries(value as object) : [["", null]]) {
    if (typeof text !== "string") {
      throw fail(source, "InvalidHeaderDeserialization", "__metadata__ must map strings to strings");
    }
    into.set(key as string, text);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readInfo(source: Source, name: string, value: unknown, dataStart: number): SafetensorInfo {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  const row = typeof dtype === "string" ? rows.get(dtype) : undefined;
  const shown = JSON.stringify(name);
  if (row === undefined)
    throw fail(source, "InvalidHeaderDeserialization", `tensor ${shown} has dtype ${String(dtype)}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw fail(source, "InvalidHeaderDeserialization", `tensor ${shown} has no shape`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!) {
    throw fail(source, "InvalidOffset", `tensor ${shown} has data_offsets ${JSON.stringify(offsets)}`);
  }
  const nbytes = (offsets[1] as number) - (offsets[0] as number);
  const expected = shape.reduce((product: number, size: number) => product * size, row.itemsize);
  if (expected !== nbytes) {
    throw fail(
      source,
      "TensorInvalidInfo",
      `tensor ${shown} of shape [${shape}] and dtype ${String(dtype)} needs ${expected} bytes, but has ${nbytes}`,
    );
  }
  return { dtype: row.dtype, shape, start: dataStart + (offsets[0] as number), nbytes };
}

/** The tensors fill the rest of the file without holes and without sharing: no byte is hidden, none read twice. */
function checkCover(source: Source, tensors: readonly [string, SafetensorInfo][], dataStart: number): void {
  let end = dataStart;
  for (const [name, info] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.nbytes - b.nbytes)) {
    if (info.start !== end) {
      throw fail(source, "InvalidOffset", `tensor ${JSON.stringify(name)} begins at ${info.start}; expected ${end}`);
    }
    end += info.nbytes;
  }
  if (end !== source.size) {
    throw fail(source, "MetadataIncompleteBuffer", `the tensors end at ${end}, the file at ${source.size}`);
  }
}

/** Names that are another tensor's, as `saveModel` records them, with the name of that one. */
export function tiesOf({ metadata, tensors }: SafetensorsHeader): [name: string, kept: string][] {
  // "format" says who wrote the file; it is never a tensor's name.
  return [...metadata].filter(([name, kept]) => name !== "format" && tensors.has(kept) && !tensors.has(name));
}

/** A tensor to write. */
export interface SafetensorInput {
  readonly name: string;
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly nbytes: number;
  readonly data: () => Uint8Array | Promise<Uint8Array>;
}

/** The file in pieces: tensors by falling alignment, then by name, as the format's own writer sorts them. */
export function* safetensorsChunks(
  inputs: readonly SafetensorInput[],
  metadata: ReadonlyMap<string, string> | null,
): Pieces {
  const ranked = inputs.map((input) => ({
    input,
    rank: order.findIndex((name) => rows.get(name)!.dtype === input.dtype),
  }));
  ranked.sort((a, b) => b.rank - a.rank || compare(a.input.name, b.input.name));
  let offset = 0;
  const entries = ranked.map(({ input, rank }) => {
    check(rank >= 0, () => `safetensors has no dtype ${input.dtype} (tensor ${input.name})`, SafetensorError);
    check(input.name !== "__metadata__", () => "a tensor must not be called __metadata__", SafetensorError);
    const start = offset;
    offset += input.nbytes;
    const info = { dtype: order[rank], shape: input.shape, data_offsets: [start, offset] };
    return `${JSON.stringify(input.name)}:${JSON.stringify(info)}`;
  });
  if (metadata !== null) entries.unshift(`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`);
  const header = new TextEncoder().encode(`{${entries.join(",")}}`);
  const padded = Math.ceil(header.length / prefix) * prefix;
  check(
    padded <= largestHeader,
    () => `a header of ${padded} bytes; at most ${largestHeader} are read`,
    SafetensorError,
  );
  const bytes = new Uint8Array(prefix + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(header, prefix);
  yield bytes;
  for (const { input } of ranked) if (input.nbytes > 0) yield yield* arrived(input.data());
}

/** By Unicode code points, as UTF-8 bytes compare. */
function compare(a: string, b: string): number {
  const [x, y] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
  return x.length - y.length;
}
