/** What a kernel's step reads and writes: its inputs as vectors, its output as bytes. */
import type { RealName } from "../../core/dtype.ts";
import type { Expr } from "../../ir/expr.ts";
import { fold } from "../../ir/fold.ts";
import { loadBytes, type Walk } from "./access.ts";
import { decode, decodeMask, encode, encodeMask, type Vectors } from "./convert.ts";
import { asLane, asMask, type Input, type Value } from "./emit.ts";
import { Formula } from "./lanes.ts";
import type { Local } from "./module.ts";

/** A value as the bytes that an output of dtype `output` stores. */
export function outputBytes(v: Formula, value: Value, output: RealName): Vectors {
  return output === "bool" ? encodeMask(v, asMask(v, value)) : encode(v, output, asLane(v, value));
}

/** Reads the inputs of one step: each element's bytes once, each interpretation once. */
export class InputReader {
  readonly #v: Formula;
  readonly #walks: readonly Walk[];
  readonly #ahead: number;
  readonly #fixed: InputReader | null;
  readonly #bytes = new Map<number, Vectors>();
  readonly #values = new Map<string, Local>();

  constructor(v: Formula, walks: readonly Walk[], ahead = 0, fixed: InputReader | null = null) {
    this.#v = v;
    this.#walks = walks;
    this.#ahead = ahead;
    this.#fixed = fixed;
  }

  /** Reads the inputs that do not move, before the loop. */
  readFixed(expr: Expr): void {
    const read = (node: { readonly index: number; readonly as: "lane" | "bool" }): void => {
      if (this.#walks[node.index]?.walk === "b") this.input(node.index, node.as);
    };
    const nothing = (): void => {};
    const target = { const: nothing, unary: nothing, binary: nothing, compare: nothing, select: nothing };
    fold<void>(expr, { ...target, cast: nothing, call: nothing, load: read });
  }

  readonly input: Input = (index, as) => {
    const walk = this.#walks[index];
    if (walk === undefined) throw new Error(`wasm: the expression reads input ${index} of ${this.#walks.length}`);
    if (walk.walk === "b" && this.#fixed !== null) return this.#fixed.input(index, as);
    const key = `${index} ${as}`;
    let value = this.#values.get(key);
    if (value === undefined) {
      // One element for all lanes is read as one, and splat.
      const v = walk.walk === "b" ? new Formula(this.#v.f, this.#v.lane, 1) : this.#v;
      const bytes = this.#read(v, index, walk);
      value = as === "bool" ? decodeMask(v, walk.dtype, bytes) : decode(v, walk.dtype, bytes);
      this.#values.set(key, value);
    }
    return value;
  };

  #read(v: Formula, index: number, walk: Walk): Vectors {
    let bytes = this.#bytes.get(index);
    if (bytes === undefined) {
      bytes = loadBytes(v.f, walk, v.active, walk.walk === "b" ? 0 : this.#ahead);
      this.#bytes.set(index, bytes);
    }
    return bytes;
  }
}
