/** Opens checkpoints: what their bytes say they are decides, not their names. */
import * as torch from "cresset";
import type { MemoryMap } from "cresset/drawing";

/** A file that was read. */
export interface Opened {
  readonly name: string;
  readonly bytes: number;
  readonly map: MemoryMap;
  /** Every tensor by its name in the map. */
  readonly tensors: ReadonlyMap<string, torch.lens.Viewed>;
}

/** Where a file's bytes come from. */
export interface Given {
  readonly name: string;
  blob(): Promise<Blob>;
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** A zip whose first entry is an array is NumPy's. */
async function isNpz(blob: Blob): Promise<boolean> {
  const head = new Uint8Array(await blob.slice(0, 30).arrayBuffer());
  if (ascii(head.subarray(0, 4)) !== "PK\x03\x04") return false;
  const length = head[26]! | (head[27]! << 8);
  return ascii(new Uint8Array(await blob.slice(30, 30 + length).arrayBuffer())).endsWith(".npy");
}

async function valueOf(blob: Blob): Promise<unknown> {
  const head = new Uint8Array(await blob.slice(0, 9).arrayBuffer());
  if (ascii(head.subarray(1, 6)) === "NUMPY") return { array: await torch.npy.load(blob) };
  if (await isNpz(blob)) return torch.npy.loadz(blob);
  // A header's length, then the header, which is JSON.
  if (head[8] === 0x7b && head[7] === 0) return torch.safetensors.loadFile(blob);
  return torch.load(blob, { weightsOnly: false, mapLocation: "cpu" });
}

/** Reads a file whole. Nothing in it is executed. */
export async function open(file: Given): Promise<Opened> {
  const blob = await file.blob();
  const read = await valueOf(blob);
  const value = torch.isTensor(read) ? { tensor: read } : (read as object);
  const map = torch.lens.map(value);
  if (map.storages.length === 0) throw new Error("there are no tensors in it");
  return { name: file.name, bytes: blob.size, map, tensors: torch.lens.named(value) };
}
