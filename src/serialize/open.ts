/** Files that are opened, not loaded: each tensor is read when it is asked for. */
import { check, KeyError } from "../core/errors.ts";
import { StateDict } from "../core/statedict.ts";
import type { Tensor } from "../core/tensor.ts";
import { formatOf, notCheckpoint } from "./checkpoint.ts";
import type { NamedGlobal } from "./globals.ts";
import { prepareInflate } from "./inflate.ts";
import type { LoadSource } from "./input.ts";
import type { LazyTensor } from "./lazy.ts";
import type { MapLocation } from "./location.ts";
import { looksLikeNpy } from "./npy-format.ts";
import {
  type CheckedEntry,
  type OpenedFile,
  type Opening,
  openLegacy,
  openNpy,
  openSafetensors,
  openZip,
} from "./open-formats.ts";
import { flatten } from "./paths.ts";
import { openRanges, type Ranges } from "./ranges.ts";
import { looksLikeSafetensors } from "./safetensors-format.ts";
import { beside, isShardIndex, readShardIndex } from "./shard-index.ts";

/** What is known of a tensor without reading it. */
export interface TensorInfo {
  /** `float32` */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Bytes that reading it takes. */
  readonly nbytes: number;
}

/** How a file is opened. */
export interface OpenOptions {
  /** The device for tensors: one for all, or a table from the file's tags. */
  readonly mapLocation?: Exclude<MapLocation, (...args: never[]) => unknown> | null;
  /** False opens files of whole modules, too, whose tensors stand under the names of their state dicts. */
  readonly weightsOnly?: boolean;
}

/**
 * A file whose tensors are read one by one. `keys` are the paths through dicts and lists, joined by points. Tensors that
 * share memory in the file do not share it when they are read alone.
 */
export class Checkpoint {
  /** Where it was opened from. */
  readonly name: string;
  /** `zip`, `legacy`, `torchscript`, `safetensors`, `npy` or `npz`. */
  readonly format: string;
  /** Bytes of the file, of shards in all. */
  readonly size: number;
  /** What a safetensors file says about itself. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The classes and functions that its pickle names, in order. None of them was run. */
  readonly globals: readonly NamedGlobal[];
  /** What it holds, with a LazyTensor for every tensor. */
  readonly value: unknown;
  /** Its parts that have checksums; none but archives have. */
  readonly entries: readonly CheckedEntry[];
  readonly #tensors: ReadonlyMap<string, LazyTensor>;
  readonly #files: readonly Ranges[];

  constructor(files: readonly Ranges[], opened: OpenedFile, name: string = files[0]!.name) {
    this.name = name;
    this.format = opened.format;
    this.size = files.reduce((sum, file) => sum + file.size, 0);
    this.metadata = opened.metadata ?? new Map();
    this.globals = opened.globals ?? [];
    this.value = opened.value;
    this.entries = opened.entries ?? [];
    this.#tensors = flatten(opened.value, this.name);
    this.#files = files;
  }

  /** The names of all tensors. */
  keys(): string[] {
    return [...this.#tensors.keys()];
  }

  /** All tensors under their names, unread. */
  get tensors(): ReadonlyMap<string, LazyTensor> {
    return this.#tensors;
  }

  has(key: string): boolean {
    return this.#tensors.has(key);
  }

  /** A tensor, unread. */
  lazy(key: string): LazyTensor {
    const found = this.#tensors.get(key);
    check(found !== undefined, () => `'${key}' (${this.name} has ${this.#tensors.size} tensors)`, KeyError);
    return found;
  }

  /** What is known of a tensor without reading it. */
  info(key: string): TensorInfo {
    const { dtype, shape, strides, nbytes } = this.lazy(key);
    return { dtype, shape, strides, nbytes };
  }

  /** Reads one tensor. */
  async tensor(key: string): Promise<Tensor> {
    return this.lazy(key).read();
  }

  /** Reads these tensors, or all. */
  async stateDict(keys: readonly string[] = this.keys()): Promise<StateDict> {
    const state = new StateDict();
    for (const key of keys) state.set(key, await this.tensor(key));
    return state;
  }

  /** Closes the file. */
  close(): void {
    for (const file of this.#files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function checkNames(options: object): void {
  for (const key of Object.keys(options)) {
    if (key !== "mapLocation" && key !== "weightsOnly") throw new TypeError(`open() got an unknown option "${key}"`);
  }
}

/**
 * Opens a checkpoint, a TorchScript archive, a file of safetensors or their index, an npy or an npz file without reading
 * its tensors. HTTP servers are asked for ranges.
 * @example
 * const file = await torch.serialization.open("model.pt");
 * const weight = await file.tensor("fc.weight");
 * file.close();
 * weight.shape // torch.Size([2, 3])
 */
export async function open(src: LoadSource, options: OpenOptions = {}): Promise<Checkpoint> {
  checkNames(options);
  const { mapLocation = null, weightsOnly = true } = options;
  return openWith(src, { reading: { mapLocation, weightsOnly } });
}

/**
 * Opens any file for looking into it: all that its pickle names, also what would run commands in Python, stands as plain
 * data in `value` and is listed in `globals`. Nothing is run.
 * @example
 * using file = await torch.serialization.inspect("model.pt");
 * file.globals.filter(({ allowed }) => !allowed).length // 0
 */
export async function inspect(src: LoadSource): Promise<Checkpoint> {
  return openWith(src, { reading: { weightsOnly: false, inert: true } });
}

/**
 * The classes and functions, such as `torch.nn.modules.linear.Linear`, that a checkpoint's pickle names and that
 * `weightsOnly` refuses.
 * @example
 * await torch.save(new torch.nn.Linear(1, 1), "whole.pt");
 * await torch.serialization.getUnsafeGlobalsInCheckpoint("whole.pt") // [ 'torch.nn.modules.linear.Linear' ]
 */
export async function getUnsafeGlobalsInCheckpoint(src: LoadSource): Promise<string[]> {
  using file = await inspect(src);
  return file.globals.filter(({ allowed }) => !allowed).map(({ module, name }) => `${module}.${name}`);
}

async function openWith(src: LoadSource, opening: Opening): Promise<Checkpoint> {
  await prepareInflate();
  if (isShardIndex(src)) return openShards(src, opening);
  const ranges = await openRanges(src);
  try {
    return new Checkpoint([ranges], await openFormat(ranges, opening));
  } catch (error) {
    ranges.close();
    throw error;
  }
}

async function openFormat(ranges: Ranges, opening: Opening): Promise<OpenedFile> {
  const start = await ranges.run((source) => source.read(0, Math.min(source.size, 9)).slice());
  if (looksLikeSafetensors(start)) return openSafetensors(ranges, opening);
  if (looksLikeNpy(start)) return openNpy(ranges);
  const format = await ranges.run(formatOf);
  if (format === "zip") return openZip(ranges, opening);
  if (format === "legacy") return openLegacy(ranges, opening);
  return ranges.run((source) => {
    throw notCheckpoint(source, "a checkpoint, a file of safetensors, an npy or an npz file");
  });
}

async function openShards(index: string | URL, opening: Opening): Promise<Checkpoint> {
  const map = await readShardIndex(index);
  const shards = new Map<string, Checkpoint>();
  const files: Ranges[] = [];
  try {
    for (const name of new Set(map.values())) {
      const ranges = await openRanges(beside(index, name));
      files.push(ranges);
      shards.set(name, new Checkpoint([ranges], await openSafetensors(ranges, opening)));
    }
    const value = new StateDict<unknown>([...map].map(([key, name]) => [key, shards.get(name)!.lazy(key)]));
    const metadata = new Map([...shards.values()].flatMap((shard) => [...shard.metadata]));
    return new Checkpoint(files, { format: "safetensors", value, metadata }, String(index));
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}
