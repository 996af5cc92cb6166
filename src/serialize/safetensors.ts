/** `torch.safetensors`: files of named tensors and nothing else. */

import { type Device, device as deviceOf } from "../core/device.ts";
import { check, ValueError } from "../core/errors.ts";
import { together } from "../core/memory.ts";
import { announce } from "../core/observe.ts";
import { StateDict } from "../core/statedict.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { AnyModule } from "../nn/module.ts";
import type { IncompatibleKeys } from "../nn/state.ts";
import type { Description } from "./adapter.ts";
import { SafetensorError } from "./errors.ts";
import { isBytes, type LoadSource, plainBytes, withSource } from "./input.ts";
import { contiguousStrides, isContiguous, spanOf } from "./layouts.ts";
import { lazyTensors as adapter, LazyTensor } from "./lazy.ts";
import { type SaveDestination, type SaveOptions, writeTo } from "./output.ts";
import { joined, type Pieces } from "./pieces.ts";
import { type Room, reused } from "./room.ts";
import { readSafetensorsHeader, type SafetensorInput, safetensorsChunks, tiesOf } from "./safetensors-format.ts";
import { isShardIndex } from "./shard-index.ts";
import { loadShards } from "./shards.ts";
import { bytesSource, type Source } from "./source.ts";
import { itemsizeOf } from "./storage-types.ts";

/** Tensors by their names. */
export type NamedTensors = ReadonlyMap<string, Tensor | LazyTensor> | { readonly [name: string]: Tensor | LazyTensor };

/** Strings by their names. */
export type Metadata = ReadonlyMap<string, string> | { readonly [key: string]: string };

const entriesOf = <T>(table: ReadonlyMap<string, T> | { readonly [key: string]: T }): [string, T][] =>
  table instanceof Map ? [...table] : Object.entries(table as { readonly [key: string]: T });

// ---------------------------------------------------------------- writing

interface Span {
  readonly name: string;
  readonly tensor: Tensor | LazyTensor;
  readonly parts: Description;
  readonly start: number;
  readonly end: number;
}

/** Where a tensor lies in its storage, in bytes. */
function rangeOf(name: string, tensor: unknown): Span {
  if (!isTensor(tensor) && !(tensor instanceof LazyTensor)) {
    throw new ValueError(`Key \`${name}\` is invalid, expected torch.Tensor but received ${typeof tensor}`);
  }
  const resolved = isTensor(tensor) ? tensor.detach().resolveConj().resolveNeg() : tensor;
  const parts = adapter.describe(resolved)!;
  const itemsize = itemsizeOf(parts.dtype)!;
  const start = parts.offset * itemsize;
  return { name, tensor, parts, start, end: start + spanOf(parts) * itemsize };
}

/** Groups of names whose tensors overlap in memory. */
function overlapping(spans: readonly Span[]): Span[][] {
  const byStorage = new Map<object, Span[]>();
  for (const span of spans) {
    if (span.end === span.start) continue;
    const list = byStorage.get(span.parts.storage) ?? [];
    list.push(span);
    byStorage.set(span.parts.storage, list);
  }
  const groups: Span[][] = [];
  for (const list of byStorage.values()) {
    list.sort((a, b) => a.start - b.start);
    let group: Span[] = [];
    let end = -1;
    for (const span of list) {
      if (span.start >= end) group = [];
      group.push(span);
      if (group.length === 2) groups.push(group);
      end = Math.max(span.start >= end ? span.end : end, span.end);
    }
  }
  return groups;
}

const shownNames = (group: readonly Span[]): string => `{${group.map(({ name }) => `'${name}'`).join(", ")}}`;

function inputsOf(spans: readonly Span[]): SafetensorInput[] {
  const shared = overlapping(spans);
  check(
    shared.length === 0,
    () =>
      `Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading ` +
      `them again: [${shared.map(shownNames).join(", ")}]. A potential way to correctly save your model is to use ` +
      "`saveModel`.",
  );
  const room = reused();
  return spans.map((span) => inputOf(span, room));
}

function inputOf({ name, tensor, parts, start, end }: Span, room: Room): SafetensorInput {
  check(
    isContiguous(parts) && parts.pending === undefined,
    () =>
      `You are trying to save a non contiguous tensor: \`${name}\` which is not allowed. It either means you are ` +
      "trying to save tensors which are reference of each other in which case it's recommended to save only the " +
      "full tensors, and reslice at load time, or simply call `.contiguous()` on your tensor to pack it before saving.",
    ValueError,
  );
  const { storage, dtype, shape } = parts;
  const known = { name, dtype, shape, nbytes: end - start };
  if (tensor instanceof LazyTensor) return { ...known, data: () => tensor.elements(room) };
  check(adapter.bytes(storage) !== null, () => `the tensor ${name} is on the meta device: it has no data`);
  const writes = adapter.writes(storage);
  const data = (): Uint8Array => {
    check(
      adapter.writes(storage) === writes,
      () => `save(): the tensor ${name} was written to before the file was complete; await it first`,
    );
    return adapter.bytes(storage)!.subarray(start, end);
  };
  return { ...known, data };
}

/**
 * The pieces of a file, all checks done.
 * @internal
 */
export function chunksOf(tensors: NamedTensors, metadata: Metadata | null): Pieces {
  const inputs = inputsOf(entriesOf(tensors).map(([name, tensor]) => rangeOf(name, tensor)));
  const table = metadata === null ? null : new Map(entriesOf(metadata));
  for (const [key, text] of table ?? []) {
    if (typeof text !== "string")
      throw new TypeError(`metadata must map strings to strings: ${key} is a ${typeof text}`);
  }
  return safetensorsChunks(inputs, table);
}

/**
 * The bytes of a file with these tensors.
 * @throws RuntimeError for tensors that share memory: `saveModel` keeps one of each.
 * @example torch.safetensors.load(torch.safetensors.save({ x: torch.ones(2) })).get("x") // tensor([1., 1.])
 */
export function save(tensors: NamedTensors, metadata: Metadata | null = null): Uint8Array<ArrayBuffer> {
  announce(() => ({ kind: "save", value: tensors }));
  return joined(chunksOf(tensors, metadata));
}

/**
 * Writes these tensors to a file, which changes whole or not at all.
 * @example await torch.safetensors.saveFile(model.stateDict(), "model.safetensors", { format: "pt" })
 */
export async function saveFile(
  tensors: NamedTensors,
  filename: SaveDestination,
  metadata: Metadata | null = null,
  options: SaveOptions = {},
): Promise<void> {
  announce(() => ({ kind: "save", value: tensors }));
  const chunks = chunksOf(tensors, metadata);
  await writeTo(filename, () => chunks, options);
}

/** Names without a tensor of their own, by the names of the tensors that they are. */
export interface Untied {
  readonly state: StateDict;
  readonly ties: ReadonlyMap<string, string>;
}

/**
 * Keeps one name for each memory: the first in the alphabet; the others become ties.
 * @internal
 */
export function untie(state: ReadonlyMap<string, Tensor>): Untied {
  const spans = [...state].map(([name, tensor]) => rangeOf(name, tensor));
  const ties = new Map<string, string>();
  for (const group of overlapping(spans)) {
    const [kept, ...others] = [...group].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name, parts } of others) {
      check(
        sameView(parts, kept!.parts),
        () =>
          "Error while trying to find names to remove to save state dict, but found no suitable name to keep for " +
          `saving amongst: ${shownNames(group)}. None is covering the entire storage.`,
      );
      ties.set(name, kept!.name);
    }
  }
  return { state: new StateDict([...state].filter(([name]) => !ties.has(name))), ties };
}

function sameView(a: Description, b: Description): boolean {
  const same = (p: readonly number[], q: readonly number[]): boolean =>
    p.length === q.length && p.every((size, i) => size === q[i]);
  const alike = a.dtype === b.dtype && a.offset === b.offset && a.pending === b.pending;
  return alike && same(a.shape, b.shape) && same(a.strides, b.strides);
}

/** How `saveModel` writes. */
export interface SaveModelOptions extends SaveOptions {
  readonly metadata?: Metadata | null;
  /** Copies tensors that are not contiguous; without it they are an error. */
  readonly forceContiguous?: boolean;
}

/**
 * Writes a model's state, tied tensors once; the file's metadata says which names are tied.
 * @example await torch.safetensors.saveModel(model, "model.safetensors")
 */
export async function saveModel(
  model: AnyModule,
  filename: SaveDestination,
  options: SaveModelOptions = {},
): Promise<void> {
  const { metadata = null, forceContiguous = true, ...rest } = options;
  announce(() => ({ kind: "save", value: model }));
  const { state, ties } = untie(model.stateDict());
  if (forceContiguous) for (const [name, tensor] of state) state.set(name, tensor.contiguous());
  const all = new Map([...entriesOf(metadata ?? {}), ...ties]);
  const chunks = chunksOf(state, all.size > 0 || metadata !== null ? all : null);
  await writeTo(filename, () => chunks, rest);
}

// ---------------------------------------------------------------- reading

type Placed = string | Device;

const readTensors = (source: Source, device: Placed): StateDict => together(() => readAll(source, device));

function readAll(source: Source, device: Placed): StateDict {
  const header = readSafetensorsHeader(source);
  const target = String(deviceOf(device as string));
  const state = new StateDict();
  for (const [name, { dtype, shape, start, nbytes }] of header.tensors) {
    check(
      adapter.hasDType(dtype),
      () => `${source.name}: tensor ${name} has dtype ${dtype}, which Cresset has not`,
      SafetensorError,
    );
    const storage = adapter.makeStorage(nbytes, target);
    const bytes = adapter.bytes(storage);
    if (bytes !== null && nbytes > 0) source.readInto(start, bytes);
    const at = { dtype, shape, strides: contiguousStrides(shape), offset: 0, requiresGrad: false };
    state.set(name, adapter.makeTensor(storage, at) as Tensor);
  }
  for (const [name, kept] of tiesOf(header)) state.set(name, state.get(kept)!);
  return state;
}

/**
 * The tensors of a file's bytes; tied names have the same tensor.
 * @throws SafetensorError for bytes that are damaged.
 * @example torch.safetensors.load(torch.safetensors.save({ x: torch.ones(2) })).get("x") // tensor([1., 1.])
 */
export function load(data: ArrayBufferLike | ArrayBufferView, device: Placed = "cpu"): StateDict {
  if (!isBytes(data)) throw new TypeError("load(): expected an ArrayBuffer or a typed array");
  return readTensors(bytesSource(plainBytes(data), "the safetensors bytes"), device);
}

/**
 * The tensors of a file; of a `*.safetensors.index.json` those of all its shards.
 * @example model.loadStateDict(await torch.safetensors.loadFile("model.safetensors"))
 */
export async function loadFile(filename: LoadSource, device: Placed = "cpu"): Promise<StateDict> {
  if (isShardIndex(filename)) return loadShards(filename, (shard) => loadFile(shard, device));
  return withSource(filename, (source) => readTensors(source, device));
}

/**
 * Loads a file into a model; throws as `loadStateDict` does.
 * @example await torch.safetensors.loadModel(model, "model.safetensors")
 */
export async function loadModel(
  model: AnyModule,
  filename: LoadSource,
  strict = true,
  device: Placed = "cpu",
): Promise<IncompatibleKeys> {
  return model.loadStateDict(await loadFile(filename, device), strict);
}

export { SafetensorError } from "./errors.ts";
export { type SaveShardedOptions, saveSharded } from "./shards.ts";
