/** Reads one Python call as recorded (`StepLR(opt, step_size=3)`): names, numbers, texts, lists, nested calls, lambdas. */
import { camelCase } from "./names.ts";

/** What the names in an expression stand for. */
export interface Environment {
  readonly values: { readonly [name: string]: unknown };
  /** Makes the object that a call constructs; the options object is absent when there are no keywords. */
  readonly construct: (name: string, args: readonly unknown[]) => unknown;
  /** The functions that stand for lambdas, by their text. */
  readonly lambdas: { readonly [text: string]: (x: number) => number };
}

const constants: { readonly [name: string]: unknown } = { True: true, False: false, None: null };

/** The value of an expression. */
export function evaluatePython(text: string, environment: Environment): unknown {
  const reader = new Reader(text, environment);
  const value = reader.value();
  reader.end();
  return value;
}

class Reader {
  #at = 0;
  readonly #text: string;
  readonly #environment: Environment;

  constructor(text: string, environment: Environment) {
    this.#text = text;
    this.#environment = environment;
  }

  value(): unknown {
    const lambda = this.#take(/lambda \w+: [^,[\]]*?(?=\)$|,|$)/y);
    if (lambda !== undefined) return this.#lookup(this.#environment.lambdas, lambda);
    const number = this.#take(/-?\d+(\.\d+)?(e-?\d+)?/y);
    if (number !== undefined) return Number(number);
    const quoted = this.#take(/'[^']*'/y);
    if (quoted !== undefined) return quoted.slice(1, -1);
    if (this.#take(/\[/y) !== undefined) return this.#items(/\]/y).args;
    return this.#name();
  }

  end(): void {
    if (this.#at !== this.#text.length) this.#fail();
  }

  #name(): unknown {
    const name = this.#take(/[A-Za-z_][\w.]*/y) ?? this.#fail();
    if (this.#take(/\(/y) === undefined) {
      return name in constants ? constants[name] : this.#lookup(this.#environment.values, name);
    }
    const { args, options } = this.#items(/\)/y);
    return this.#environment.construct(name, Object.keys(options).length === 0 ? args : [...args, options]);
  }

  #items(close: RegExp): { args: unknown[]; options: Record<string, unknown> } {
    const args: unknown[] = [];
    const options: Record<string, unknown> = {};
    while (this.#take(close) === undefined) {
      const keyword = this.#take(/\w+=(?!=)/y);
      if (keyword === undefined) args.push(this.value());
      else options[camelCase(keyword.slice(0, -1))] = this.value();
      this.#take(/, */y);
    }
    return { args, options };
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #lookup<T>(table: { readonly [name: string]: T }, name: string): T {
    return table[name] ?? this.#fail();
  }

  #fail(): never {
    throw new Error(`cannot read ${JSON.stringify(this.#text)} at ${this.#at}`);
  }
}
