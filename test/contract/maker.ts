/** Makes the operands of samples: the same values for every dtype, layout and backend. */
import { type DType, type DTypeName, dtypes } from "../../src/core/dtype.ts";
import { product } from "../../src/core/layout.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { type Element, type LayoutName, lay, repeated } from "./layouts.ts";

/** What a sample asks of a tensor. */
export interface Wish {
  /** Floats lie between these, never on a multiple of 1/16; integers are those between. */
  readonly domain?: readonly [number, number];
  /** Default: the dtype under test. */
  readonly dtype?: DTypeName;
  /** Floats are odd multiples of this, 1/32 by default: tensors of different steps have no element in common. */
  readonly step?: number;
}

/** What is under test; `repeat`: values that an expanded layout can hold. */
export interface Setting {
  readonly dtype: DTypeName;
  readonly layout: LayoutName;
  readonly repeat: boolean;
}

const usual: readonly [number, number] = [-4, 4];

export class Maker {
  readonly dtype: DType;
  /** Every tensor made, in order. */
  readonly made: Tensor[] = [];
  /** Those that no derivative is taken of. */
  readonly constants: Set<Tensor> = new Set();
  readonly #setting: Setting;
  readonly #random: () => number;

  constructor(setting: Setting, seed = 1) {
    this.#setting = setting;
    this.dtype = dtypes[setting.dtype];
    this.#random = sequence(seed);
  }

  /** A tensor of this shape, its elements all different as far as the domain has so many. */
  tensor(shape: readonly number[], { domain = usual, dtype = this.dtype.name, step = 1 / 32 }: Wish = {}): Tensor {
    const n = product(shape);
    const elements = dtypes[dtype].isFloatingPoint
      ? this.#floats(n, domain, step)
      : Array.from({ length: n }, () => this.#integer(domain, dtype));
    return this.of(shape, elements, dtype);
  }

  /** Elements above 0. */
  positive(shape: readonly number[], dtype: DTypeName = this.dtype.name): Tensor {
    return this.tensor(shape, { domain: [0.5, 4], dtype });
  }

  /** Elements between 0 and 1. */
  unit(shape: readonly number[], dtype: DTypeName = this.dtype.name): Tensor {
    return this.tensor(shape, { domain: [0.05, 0.95], dtype });
  }

  /** Indices below a bound. */
  index(shape: readonly number[], below: number): Tensor {
    return this.of(
      shape,
      Array.from({ length: product(shape) }, () => Math.floor(this.#random() * below)),
      "int64",
    );
  }

  /** The numbers below `n`, each once. */
  permutation(n: number): Tensor {
    return this.of([n], shuffled(range(n), this.#random), "int64", false);
  }

  /** The same tensor, which no derivative is taken of. */
  fixed(t: Tensor): Tensor {
    this.constants.add(t);
    return t;
  }

  /** True and false. */
  mask(shape: readonly number[]): Tensor {
    return this.of(
      shape,
      Array.from({ length: product(shape) }, () => (this.#random() < 0.5 ? 0 : 1)),
      "bool",
    );
  }

  /** Elements that grow along the last dim. */
  sorted(shape: readonly number[], dtype: DTypeName = this.dtype.name): Tensor {
    const row = shape.at(-1) ?? 1;
    const elements = range(product(shape)).map((i) => (i % row) - 2);
    return this.of(
      shape,
      dtype === "uint8" || dtype === "bool" ? elements.map((x) => Math.max(x, 0)) : elements,
      dtype,
    );
  }

  /** The extreme and the special values of a dtype. */
  special(dtype: DTypeName = this.dtype.name): Tensor {
    const elements = dtypes[dtype].isFloatingPoint ? specialFloats : specialIntegers(dtypes[dtype]);
    return this.of([elements.length], elements, dtype, false);
  }

  /** These elements, in row-major order. */
  of(
    shape: readonly number[],
    elements: readonly Element[],
    dtype: DTypeName = this.dtype.name,
    repeat: boolean = this.#setting.repeat,
  ): Tensor {
    const layout = this.#setting.layout === "expanded" && !repeat ? "offset" : this.#setting.layout;
    const tensor = lay(layout, shape, dtype, repeat ? repeated(shape, elements) : elements);
    this.made.push(tensor);
    return tensor;
  }

  #floats(n: number, [low, high]: readonly [number, number], coarsest: number): number[] {
    let step = coarsest;
    while ((high - low) / (2 * step) < 4) step /= 2;
    const first = Math.floor(low / (2 * step));
    const grid = range(Math.ceil((high - low) / (2 * step)) + 2)
      .map((k) => (2 * (first + k) + 1) * step)
      .filter((x) => x >= low && x <= high);
    const order = shuffled(grid, this.#random);
    return range(n).map((i) => order[i % order.length]!);
  }

  #integer([low, high]: readonly [number, number], dtype: DTypeName): number {
    const first = Math.ceil(dtype === "uint8" || dtype === "bool" ? Math.max(low, 0) : low);
    const last = dtype === "bool" ? 1 : Math.floor(high);
    return first + Math.floor(this.#random() * (Math.max(last, first) - first + 1));
  }
}

const specialFloats: readonly number[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  100,
  -100,
  1024,
  -20,
  2 ** -10,
];

function specialIntegers(dtype: DType): Element[] {
  const bits = BigInt(dtype.itemsize * 8);
  if (dtype.name === "bool") return [0, 1];
  if (dtype.name === "uint8") return [0, 1, 2, 7, 128, 254, 255];
  const top = 2n ** (bits - 1n);
  return [-top, -top + 1n, top - 1n, 0, 1, -1, 2, -2, 7, -7, 100, -100];
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Mulberry32: the same numbers for the same seed. */
export function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
