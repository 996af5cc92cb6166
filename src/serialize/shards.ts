/** Checkpoints in several safetensors files with an index beside them, as large models are published. */

import { check } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { StateDict } from "../core/statedict.ts";
import type { Tensor } from "../core/tensor.ts";
import { SafetensorError } from "./errors.ts";
import { type SaveOptions, writeTo } from "./output.ts";
import { piecesOf } from "./pieces.ts";
import { chunksOf, type Metadata, untie } from "./safetensors.ts";
import { beside, readShardIndex } from "./shard-index.ts";

/** The tensors of all shards, in the order of the index. */
export async function loadShards(
  index: string | URL,
  loadShard: (shard: string | URL) => Promise<StateDict>,
): Promise<StateDict> {
  const name = String(index);
  const map = await readShardIndex(index);
  const shards = new Map<string, StateDict>();
  for (const file of new Set(map.values())) shards.set(file, await loadShard(beside(index, file)));
  const state = new StateDict();
  for (const [key, file] of map) {
    const tensor = shards.get(file)!.get(key);
    check(tensor !== undefined, () => `${name}: ${file} has no tensor ${key}`, SafetensorError);
    state.set(key, tensor);
  }
  return state;
}

/** How `saveSharded` writes. */
export interface SaveShardedOptions extends SaveOptions {
  /** In bytes; a larger tensor gets a file of its own. */
  readonly maxShardSize?: number;
  readonly metadata?: Metadata | null;
  /** The files' names before `-00001-of-00002.safetensors`. */
  readonly name?: string;
}

/**
 * Writes tensors to several files in a folder and an index beside them; returns the index's path. The index comes last,
 * so that it never speaks of files that are not there.
 * @example await torch.safetensors.saveSharded(model.stateDict(), "model/", { maxShardSize: 5e9 })
 */
export async function saveSharded(
  tensors: ReadonlyMap<string, Tensor>,
  folder: string,
  options: SaveShardedOptions = {},
): Promise<string> {
  const { maxShardSize = 5e9, metadata = { format: "pt" }, name = "model", ...rest } = options;
  announce(() => ({ kind: "save", value: tensors }));
  const { state, ties } = untie(tensors);
  const shards = split(state, maxShardSize);
  const place = new Map<string, string>();
  const path = process.getBuiltinModule("path");
  for (const [i, shard] of shards.entries()) {
    const number = (n: number): string => String(n).padStart(5, "0");
    const file =
      shards.length === 1 ? `${name}.safetensors` : `${name}-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    const tied = [...ties].filter(([, kept]) => shard.has(kept));
    for (const key of [...shard.keys(), ...tied.map(([key]) => key)]) place.set(key, file);
    const own = new Map([...(metadata instanceof Map ? metadata : Object.entries(metadata ?? {})), ...tied]);
    const chunks = chunksOf(shard, own as Map<string, string>);
    await writeTo(path.join(folder, file), () => chunks, rest);
  }
  const index = {
    metadata: { total_size: [...state.values()].reduce((sum, t) => sum + t.nbytes, 0) },
    weight_map: Object.fromEntries([...tensors.keys()].map((key) => [key, place.get(key)])),
  };
  const target = path.join(folder, `${name}.safetensors.index.json`);
  await writeTo(target, () => piecesOf([new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`)]), rest);
  return target;
}

function split(state: StateDict, limit: number): StateDict[] {
  const shards: StateDict[] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const [key, tensor] of state) {
    const { nbytes } = tensor;
    if (size + nbytes > limit) {
      shards.push(new StateDict());
      size = 0;
    }
    shards.at(-1)!.set(key, tensor);
    size += nbytes;
  }
  return shards.length > 0 ? shards : [new StateDict()];
}
