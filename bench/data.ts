/** The numbers that every engine starts from: written once per run as raw files, so that all compute the same. */
import { writeFileSync } from "node:fs";
import path from "node:path";

type Kind = "normal" | "unit" | "int" | { readonly within: number } | { readonly below: number };

interface Entry {
  readonly shape: readonly number[];
  readonly kind: Kind;
}

/** Uniform in [0, 1), the same in every run (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function numbers(entry: Entry, unit: () => number): Float32Array | Int32Array {
  const length = entry.shape.reduce((a, b) => a * b, 1);
  const { kind } = entry;
  if (kind === "unit") return Float32Array.from({ length }, unit);
  if (kind === "normal") {
    const one = (): number => Math.sqrt(-2 * Math.log(1 - unit())) * Math.cos(2 * Math.PI * unit());
    return Float32Array.from({ length }, one);
  }
  if (typeof kind === "object" && "within" in kind) {
    return Float32Array.from({ length }, () => (unit() * 2 - 1) * kind.within);
  }
  const bound = typeof kind === "object" ? kind.below : 2;
  return Int32Array.from({ length }, () => Math.floor(unit() * bound));
}

type Entries = Record<string, Entry>;

const normal = (...shape: number[]): Entry => ({ shape, kind: "normal" });
const ints = (below: number, ...shape: number[]): Entry => ({ shape, kind: { below } });

/** A linear layer's weight and bias, drawn as PyTorch's default initialisation draws them. */
function linear(name: string, from: number, to: number, bias = true): Entries {
  const kind = { within: from ** -0.5 };
  const weight = { [`${name}.w`]: { shape: [to, from], kind } };
  return bias ? { ...weight, [`${name}.b`]: { shape: [to], kind } } : weight;
}

function conv(name: string, from: number, to: number): Entries {
  const kind = { within: (from * 9) ** -0.5 };
  return { [`${name}.w`]: { shape: [to, from, 3, 3], kind }, [`${name}.b`]: { shape: [to], kind } };
}

function block(name: string, d: number): Entries {
  return {
    ...linear(`${name}.qkv`, d, 3 * d),
    ...linear(`${name}.proj`, d, d),
    ...linear(`${name}.up`, d, 4 * d),
    ...linear(`${name}.down`, 4 * d, d),
  };
}

const entries: Entries = {
  "seed.x": normal(8, 10),
  "seed.y": { shape: [8, 4], kind: "unit" },
  ...linear("seed", 10, 4),
  "mlp.x": normal(64, 784),
  "mlp.y": ints(10, 64),
  ...linear("mlp.0", 784, 512),
  ...linear("mlp.1", 512, 256),
  ...linear("mlp.2", 256, 10),
  "cnn.x": normal(32, 1, 28, 28),
  "cnn.y": ints(10, 32),
  ...conv("cnn.0", 1, 16),
  ...conv("cnn.1", 16, 32),
  ...linear("cnn.2", 32 * 49, 10),
  "gpt.ids": ints(256, 8, 64),
  "gpt.tok": normal(256, 128),
  "gpt.pos": normal(64, 128),
  ...block("gpt.0", 128),
  ...block("gpt.1", 128),
  ...block("gpt.2", 128),
  ...block("gpt.3", 128),
  ...linear("gpt.head", 128, 256, false),
  a: normal(2 ** 20),
  b: normal(2 ** 20),
  index: ints(2 ** 20, 2 ** 18),
  small: normal(8),
  "conv.x": normal(8, 32, 56, 56),
  "conv.w": normal(64, 32, 3, 3),
};

/** Writes every array to `folder`, and an index of their shapes. */
export function writeData(folder: string): void {
  const index: Record<string, { shape: readonly number[]; dtype: string }> = {};
  let seed = 1;
  for (const [name, entry] of Object.entries(entries)) {
    const data = numbers(entry, generator(seed++ * 7919));
    index[name] = { shape: entry.shape, dtype: data instanceof Float32Array ? "float32" : "int32" };
    writeFileSync(path.join(folder, `${name}.bin`), new Uint8Array(data.buffer));
  }
  writeFileSync(path.join(folder, "index.json"), JSON.stringify(index));
}
