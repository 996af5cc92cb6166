/** PyTorch's checkpoints with their recorded content, and how a loaded value compares with it. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { StateDict } from "../../src/core/statedict.ts";
import { Storage } from "../../src/core/storage.ts";
import type { TensorAdapter } from "../../src/serialize/adapter.ts";
import { elementsOf } from "./plain-tensors.ts";

/** A value in the corpus's encoding. */
export type Recorded =
  | null
  | boolean
  | number
  | string
  | Recorded[]
  | { t: "int" | "float"; v: number | string }
  | { t: "tuple" | "set"; v: Recorded[] }
  | { t: "bytes" | "storage"; v: number[] }
  | { t: "complex"; v: [re: number | string, im: number | string] }
  | { t: "text"; v: string }
  | { t: "dict" | "ordereddict"; items: [Recorded, Recorded][] }
  | RecordedTensor;

interface RecordedTensor {
  t: "tensor";
  dtype: string;
  shape: number[];
  strides: number[];
  offset: number;
  storage: number;
  storage_elements?: number;
  requires_grad?: boolean;
  parameter?: boolean;
  data?: (number | string)[];
  first8?: number[];
}

export interface RecordedFile {
  file: string;
  expect: "ok" | "refuse" | "error" | "loads_altered" | "ok_or_refuse";
  format: "zip" | "legacy" | null;
  note: string;
  content: Recorded;
}

export const folder: URL = new URL("../data/checkpoints/", import.meta.url);
const index = JSON.parse(readFileSync(new URL("checkpoints.json", folder), "utf8")) as { files: RecordedFile[] };

/** The files of which PyTorch expects this. */
export const recordedFiles = (wanted: RecordedFile["expect"]): RecordedFile[] =>
  index.files.filter((file) => file.expect === wanted);

export const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, folder)));

const toNumber = (value: number | string, dtype: string): number | bigint => {
  if (dtype === "int64") return BigInt(value);
  return /^(b?float(16|32)|complex64)$/.test(dtype) ? Math.fround(Number(value)) : Number(value);
};

/** Elements of a view that is still to be conjugated or negated. */
function carriedOut(elements: (number | bigint)[], pending: "conj" | "neg" | undefined): (number | bigint)[] {
  if (pending === undefined) return elements;
  return elements.map((x, i) => (pending === "neg" || i % 2 === 1 ? -x : x));
}

/** The elements of a storage with a dtype, the bytes of one without. */
function elementsOfStorage(value: unknown): unknown[] {
  return value instanceof Storage ? [...value.bytes()] : (value as { tolist(): unknown[] }).tolist();
}

/** Compares a loaded value with the record; `storages` maps loaded storages to recorded numbers. */
export class Comparison {
  readonly #adapter: TensorAdapter;
  readonly #storages: Map<object, number> = new Map();
  /** Whether objects were read, and so have no prototype. */
  readonly #read: boolean;

  constructor(adapter: TensorAdapter, read = true) {
    this.#adapter = adapter;
    this.#read = read;
  }

  expectEqual(value: unknown, recorded: Recorded, path = "obj"): void {
    if (Array.isArray(recorded)) {
      this.#list(value, recorded, path);
      return;
    }
    if (typeof recorded !== "object" || recorded === null) {
      expect(value, path).toBe(recorded);
      return;
    }
    switch (recorded.t) {
      case "int":
        expect(value, path).toBe(BigInt(recorded.v));
        break;
      case "float":
        expect(value, path).toBe(Number(recorded.v));
        break;
      case "tuple":
        this.#list(value, recorded.v, path);
        break;
      case "set":
        expect(value instanceof Set, path).toBe(true);
        this.#list([...(value as Set<unknown>)], recorded.v, path);
        break;
      case "bytes":
        expect(value instanceof Uint8Array, path).toBe(true);
        expect([...(value as Uint8Array)], path).toEqual(recorded.v);
        break;
      case "storage":
        expect(elementsOfStorage(value), path).toEqual(recorded.v);
        break;
      case "complex":
        expect(value, path).toMatchObject({ re: Number(recorded.v[0]), im: Number(recorded.v[1]) });
        break;
      case "text":
        expect(String(value), path).toBe(recorded.v);
        break;
      case "tensor":
        this.#tensor(value, recorded, path);
        break;
      default:
        this.#dict(value, recorded, path);
    }
  }

  #list(value: unknown, recorded: Recorded[], path: string): void {
    expect(Array.isArray(value), path).toBe(true);
    const list = value as unknown[];
    expect(list.length, path).toBe(recorded.length);
    for (const [i, item] of recorded.entries()) this.expectEqual(list[i], item, `${path}[${i}]`);
  }

  #dict(value: unknown, recorded: { t: string; items: [Recorded, Recorded][] }, path: string): void {
    expect(value instanceof StateDict, path).toBe(recorded.t === "ordereddict");
    const isMap = value instanceof Map;
    if (!isMap && this.#read) expect(Object.getPrototypeOf(value), path).toBe(null);
    const entries: [unknown, unknown][] = isMap ? [...value] : Object.entries(value as object);
    expect(entries.length, path).toBe(recorded.items.length);
    for (const [i, [key, item]] of recorded.items.entries()) {
      this.expectEqual(entries[i]![0], key, `${path} key ${i}`);
      this.expectEqual(entries[i]![1], item, `${path}[${JSON.stringify(key)}]`);
    }
  }

  #tensor(value: unknown, recorded: RecordedTensor, path: string): void {
    const parts = this.#adapter.describe(value as object);
    if (parts === null) throw new Error(`${path} is no tensor`);
    const { dtype, shape, strides, offset, storage } = parts;
    expect({ dtype, shape: [...shape], strides: [...strides], offset }, path).toEqual({
      dtype: recorded.dtype,
      shape: recorded.shape,
      strides: recorded.strides,
      offset: recorded.offset,
    });
    expect(parts.requiresGrad, path).toBe(recorded.requires_grad ?? false);
    if (recorded.parameter !== undefined) expect(parts.isParameter, path).toBe(recorded.parameter);
    const known = this.#storages.get(storage) ?? recorded.storage;
    expect(known, `${path}: storage`).toBe(recorded.storage);
    expect([...this.#storages].filter(([s, n]) => n === known && s !== storage).length, `${path}: storage`).toBe(0);
    this.#storages.set(storage, known);
    const bytes = this.#adapter.bytes(storage);
    if (bytes === null) return;
    const elements = carriedOut(elementsOf(parts, bytes), parts.pending);
    if (recorded.data) expect(elements, path).toEqual(recorded.data.map((x) => toNumber(x, dtype)));
    if (recorded.first8) expect(elements.slice(0, 8), path).toEqual(recorded.first8);
  }
}
