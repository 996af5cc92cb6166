/** `save`, `load`, `serialize` and `deserialize` over any library of tensors. */
import type { TensorAdapter } from "./adapter.ts";
import { checkpointChunks, readCheckpoint } from "./checkpoint.ts";
import { prepareInflate } from "./inflate.ts";
import { isBytes, type LoadSource, plainBytes, withSource } from "./input.ts";
import type { LoadOptions } from "./load.ts";
import { type SaveDestination, type SaveOptions, writeTo } from "./output.ts";
import { joined } from "./pieces.ts";
import { bytesSource } from "./source.ts";

/** The four functions. */
export interface Files {
  save(obj: unknown, dest: SaveDestination, options?: SaveOptions): Promise<void>;
  load(src: LoadSource, options?: LoadOptions): Promise<unknown>;
  serialize(obj: unknown): Uint8Array<ArrayBuffer>;
  deserialize(bytes: ArrayBufferLike | ArrayBufferView, options?: LoadOptions): unknown;
}

const loadNames = ["mapLocation", "weightsOnly"];

/** The four functions for these tensors. */
export function filesOf(adapter: TensorAdapter): Files {
  return {
    async save(obj, dest, options = {}) {
      checkNames("save", options, ["durable", "progress"]);
      return writeTo(dest, (name) => checkpointChunks(obj, adapter, name), options);
    },
    async load(src, options = {}) {
      checkNames("load", options, loadNames);
      await prepareInflate();
      return withSource(src, (source) => readCheckpoint(source, adapter, options));
    },
    serialize: (obj) => joined(checkpointChunks(obj, adapter, "archive")),
    deserialize(bytes, options = {}) {
      checkNames("deserialize", options, loadNames);
      if (!isBytes(bytes)) throw new TypeError("deserialize(): expected an ArrayBuffer or a typed array");
      return readCheckpoint(bytesSource(plainBytes(bytes), "the checkpoint"), adapter, options);
    },
  };
}

function checkNames(name: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${name}() got an unknown option "${key}"`);
  }
}
