/** Named tuples: results that destructure by position and by name, and print as PyTorch's. */
import { repr } from "./repr.ts";
import { printsAs } from "./symbols.ts";

/** A result with these fields, in this order: `const [values, indices] = …` and `const { values, indices } = …`. */
export type NamedTuple<T, N extends readonly string[]> = { readonly [K in N[number]]: T } & {
  readonly [K in keyof N as K extends `${number}` ? K : never]: T;
} & {
  readonly length: N["length"];
  [Symbol.iterator](): IterableIterator<T>;
  toString(): string;
};

/** Instances get their positions and names when they are made; they are no arrays, whose `values` is a method. */
class Fields<T> {
  readonly #title: string;
  readonly #names: readonly string[];
  readonly #items: readonly T[];

  constructor(title: string, names: readonly string[], items: readonly T[]) {
    this.#title = title;
    this.#names = names;
    this.#items = items;
    items.forEach((value, i) => {
      Object.defineProperty(this, i, { value });
      Object.defineProperty(this, names[i]!, { value, enumerable: true });
    });
    Object.freeze(this);
  }

  get length(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items[Symbol.iterator]();
  }

  toString(): string {
    const fields = this.#names.map((name, i) => `${name}=${repr(this.#items[i])}`);
    return `torch.return_types.${this.#title}(\n${fields.join(",\n")})`;
  }
}

printsAs(Fields);

/** Makes named tuples of one kind: `title` as PyTorch prints it, the fields by our names. */
export function namedTuple<const N extends readonly string[]>(
  title: string,
  names: N,
): <T>(...items: { [K in keyof N]: T }) => NamedTuple<T, N> {
  return <T>(...items: { [K in keyof N]: T }) =>
    new Fields<T>(title, names, items as unknown as readonly T[]) as unknown as NamedTuple<T, N>;
}
