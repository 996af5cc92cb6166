/** What every kernel generator gets: the heap, the features, and a way to run the modules that it writes. */
import type { Heap } from "../../core/heap.ts";
import type { Team } from "./team.ts";

export interface WasmContext {
  readonly heap: Heap;
  /** The threads that the heap's kernels may use. */
  readonly team: Team;
  /** Whether `f32x4.relaxed_madd` and its kin may be emitted. */
  readonly relaxed: boolean;
  /** Compiles synchronously and imports the heap's memory and the JS functions that the module names. */
  instantiate(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Exports;
}
