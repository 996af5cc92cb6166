/**
 * An assembler for WebAssembly modules over the heap's memory.
 *
 * Instructions have their names of the text format: `op("f32x4.add")`, `load("v128.load", offset)`,
 * `store("v128.store", offset)`, `lane("f32x4.extract_lane", 0)`. Control takes closures, which get a label for `br`:
 * `f.block((done) => { …; f.brIf(done); })`, `f.loop((again) => …)`, `f.if(() => …, () => …)`; pass a value type first
 * (`f.ifValue("f32", …)`, `f.blockValue`) where the construct leaves a value. A stack mismatch throws where the
 * instruction is emitted. `module.import("sin", ["f64"], ["f64"])` may come at any time, `f.call(func)` too.
 *
 * @example
 * const module = new ModuleBuilder(heap.shared);
 * module.func("double", ["i32", "i32"], [], (f, n, address) => {
 *   const i = f.local("i32"); // zero at entry
 *   f.while(() => f.get(i).get(n).op("i32.lt_u"), () => {
 *     f.get(address); // where the store goes
 *     f.get(address).load("f32.load").f32(2).op("f32.mul");
 *     f.store("f32.store");
 *     f.add(address, 4).add(i, 1); // local += constant
 *   });
 * });
 * WebAssembly.validate(module.finish()) // true
 */
import { Bytes } from "./bytes.ts";
import { type Func, FuncBuilder, type Local, TYPE_CODES } from "./function.ts";
import type { ValueType } from "./opcodes.ts";

export { type Func, FuncBuilder, type Label, type Local } from "./function.ts";

type Locals<P extends readonly ValueType[]> = { [K in keyof P]: Local };

interface Definition {
  readonly name: string | null;
  readonly type: number;
  readonly builder: FuncBuilder;
}

/** Collects functions and imports, and writes the module. The memory is always `env.memory`. */
export class ModuleBuilder {
  readonly #shared: boolean;
  readonly #types = new Map<string, number>();
  readonly #typeBytes = new Bytes();
  readonly #imports = new Map<string, { readonly type: number; readonly func: Func }>();
  readonly #definitions: Definition[] = [];

  constructor(shared: boolean) {
    this.#shared = shared;
  }

  #type(takes: readonly ValueType[], gives: ValueType | null): number {
    const key = `${takes.join()}>${gives}`;
    const known = this.#types.get(key);
    if (known !== undefined) return known;
    const out = this.#typeBytes;
    out.byte(0x60);
    out.u32(takes.length);
    for (const type of takes) out.byte(TYPE_CODES[type]);
    out.u32(gives === null ? 0 : 1);
    if (gives !== null) out.byte(TYPE_CODES[gives]);
    this.#types.set(key, this.#types.size);
    return this.#types.size - 1;
  }

  /** A JS function `env[name]`; the same name is imported once. */
  import(name: string, takes: readonly ValueType[], gives: readonly [] | readonly [ValueType]): Func {
    const known = this.#imports.get(name);
    if (known !== undefined) return known.func;
    const result = gives[0] ?? null;
    const func: Func = { takes, gives: result, position: this.#imports.size, imported: true };
    this.#imports.set(name, { type: this.#type(takes, result), func });
    return func;
  }

  /** Defines a function, exported under `name` unless that is null; `body` gets its writer and its parameters. */
  func<const P extends readonly ValueType[]>(
    name: string | null,
    takes: P,
    gives: readonly [] | readonly [ValueType],
    body: (f: FuncBuilder, ...params: Locals<P>) => void,
  ): Func {
    const result = gives[0] ?? null;
    const builder = new FuncBuilder(this, takes.length, result);
    const func: Func = { takes, gives: result, position: this.#definitions.length, imported: false };
    this.#definitions.push({ name, type: this.#type(takes, result), builder });
    body(builder, ...(takes.map((type, index) => ({ index, type })) as unknown as Locals<P>));
    builder.end();
    return func;
  }

  #index(func: Func): number {
    return func.imported ? func.position : this.#imports.size + func.position;
  }

  /** The finished module. */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    out.all([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    section(out, 1, this.#types.size, (s) => s.append(this.#typeBytes));
    section(out, 2, this.#imports.size + 1, (s) => this.#writeImports(s));
    section(out, 3, this.#definitions.length, (s) => {
      for (const { type } of this.#definitions) s.u32(type);
    });
    const exports = this.#definitions.flatMap(({ name }, position) => (name === null ? [] : [{ name, position }]));
    section(out, 7, exports.length, (s) => {
      for (const { name, position } of exports) {
        s.name(name);
        s.byte(0x00);
        s.u32(this.#imports.size + position);
      }
    });
    section(out, 10, this.#definitions.length, (s) => {
      for (const { builder } of this.#definitions) this.#writeBody(s, builder);
    });
    return out.take();
  }

  #writeImports(out: Bytes): void {
    for (const [name, { type }] of this.#imports) {
      out.name("env");
      out.name(name);
      out.byte(0x00);
      out.u32(type);
    }
    out.name("env");
    out.name("memory");
    out.byte(0x02);
    // A shared memory must declare a maximum, and it may not be below the memory's own; an unshared one need not.
    out.byte(this.#shared ? 0x03 : 0x00);
    out.u32(1);
    if (this.#shared) out.u32(65536);
  }

  #writeBody(out: Bytes, builder: FuncBuilder): void {
    for (const { position, func } of builder.calls) builder.code.patch(position, this.#index(func));
    const locals = new Bytes();
    builder.writeLocals(locals);
    out.u32(locals.length + builder.code.length);
    out.append(locals);
    out.append(builder.code);
  }
}

function section(out: Bytes, id: number, count: number, write: (content: Bytes) => void): void {
  if (count === 0) return;
  const content = new Bytes();
  content.u32(count);
  write(content);
  out.byte(id);
  out.u32(content.length);
  out.append(content);
}

/** An exported function, with the signature that its builder knows and WebAssembly's types cannot say. */
export function exported<F extends (...args: never[]) => unknown>(exports: WebAssembly.Exports, name: string): F {
  const found = exports[name];
  if (typeof found !== "function") throw new Error(`wasm module exports no function ${name}`);
  return found as unknown as F;
}
