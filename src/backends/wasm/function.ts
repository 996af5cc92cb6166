/** The body of one function, instruction by instruction, with a checked stack. `module.ts` shows how it is used. */
import { Bytes } from "./bytes.ts";
import type { ModuleBuilder } from "./module.ts";
import {
  type Instruction,
  instructions,
  type LaneOp,
  type LoadOp,
  type MemoryLaneOp,
  type PlainOp,
  type StoreOp,
  type ValueType,
} from "./opcodes.ts";

/** The bytes of the value types. */
export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** A local variable or parameter of the function that declared it. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
}

/** A function of the module, imported or defined: what `call` takes. */
export interface Func {
  readonly takes: readonly ValueType[];
  readonly gives: ValueType | null;
  /** Position among the imports or among the definitions. */
  readonly position: number;
  readonly imported: boolean;
}

/** A branch target: the position of its frame. */
export type Label = number & { readonly label: unique symbol };

interface Frame {
  /** Stack height at entry. */
  readonly height: number;
  /** What a branch to it carries. */
  readonly branch: ValueType | null;
  /** What it leaves. */
  readonly result: ValueType | null;
  unreachable: boolean;
}

const numberView = new DataView(new ArrayBuffer(16));
const numberBytes = new Uint8Array(numberView.buffer);

function instruction(name: string): Instruction {
  const found = instructions.get(name);
  if (found === undefined) throw new Error(`wasm assembler: unknown instruction ${name}`);
  return found;
}

/** Writes the body of one function. Every method returns the writer. */
export class FuncBuilder {
  readonly module: ModuleBuilder;
  readonly code: Bytes = new Bytes();
  /** Where calls stand whose function index is known only at the end. */
  readonly calls: { readonly position: number; readonly func: Func }[] = [];
  readonly #params: number;
  readonly #locals: ValueType[] = [];
  readonly #stack: ValueType[] = [];
  readonly #frames: Frame[] = [];

  constructor(module: ModuleBuilder, params: number, result: ValueType | null) {
    this.module = module;
    this.#params = params;
    this.#frames.push({ height: 0, branch: result, result, unreachable: false });
  }

  /** Declares a variable, zero at the entry of the function. */
  local(type: ValueType): Local {
    this.#locals.push(type);
    return { index: this.#params + this.#locals.length - 1, type };
  }

  #push(type: ValueType | null): void {
    if (type !== null) this.#stack.push(type);
  }

  #pop(type: ValueType | null): ValueType | null {
    const frame = this.#frames[this.#frames.length - 1]!;
    if (this.#stack.length === frame.height) {
      if (frame.unreachable) return type;
      throw new Error(`wasm assembler: expected ${type ?? "a value"} on the stack, found nothing`);
    }
    const top = this.#stack.pop()!;
    if (type !== null && top !== type) throw new Error(`wasm assembler: expected ${type} on the stack, found ${top}`);
    return top;
  }

  #emit(found: Instruction): void {
    const { bytes, takes } = found;
    for (let i = takes.length - 1; i >= 0; i--) this.#pop(takes[i]!);
    this.#push(found.gives);
    for (let i = 0; i < bytes.length; i++) this.code.byte(bytes[i]!);
  }

  /** A plain instruction. */
  op(name: PlainOp): this {
    this.#emit(instruction(name));
    return this;
  }

  /** Takes an i32 address; `offset` is added to it without wrapping. */
  load(name: LoadOp, offset = 0): this {
    return this.#memory(instruction(name), offset);
  }

  /** Takes an i32 address and, above it, the value. */
  store(name: StoreOp, offset = 0): this {
    return this.#memory(instruction(name), offset);
  }

  /** `v128.load32_lane` (address, vector -> vector) or `v128.store32_lane` (address, vector). */
  memoryLane(name: MemoryLaneOp, lane: number, offset = 0): this {
    this.#memory(instruction(name), offset);
    this.code.byte(lane);
    return this;
  }

  #memory(found: Instruction, offset: number): this {
    this.#emit(found);
    this.code.u32(found.align);
    this.code.u32(offset);
    return this;
  }

  /** `extract_lane` and `replace_lane`. */
  lane(name: LaneOp, lane: number): this {
    this.#emit(instruction(name));
    this.code.byte(lane);
    return this;
  }

  /** `i8x16.shuffle`: sixteen byte positions in the two operands, the second's from 16. */
  shuffle(lanes: readonly number[]): this {
    this.#pop("v128");
    this.#pop("v128");
    this.#push("v128");
    this.code.all([0xfd, 0x0d, ...lanes]);
    return this;
  }

  get(local: Local): this {
    this.#push(local.type);
    return this.#variable(0x20, local);
  }

  set(local: Local): this {
    this.#pop(local.type);
    return this.#variable(0x21, local);
  }

  /** Sets the variable and leaves the value. */
  tee(local: Local): this {
    this.#pop(local.type);
    this.#push(local.type);
    return this.#variable(0x22, local);
  }

  #variable(code: number, local: Local): this {
    this.code.byte(code);
    this.code.u32(local.index);
    return this;
  }

  /** i32 variable += constant or variable. */
  add(local: Local, step: number | Local): this {
    this.get(local);
    if (typeof step === "number") this.i32(step);
    else this.get(step);
    return this.op("i32.add").set(local);
  }

  i32(value: number): this {
    this.#push("i32");
    this.code.byte(0x41);
    this.code.s32(value);
    return this;
  }

  i64(value: number | bigint): this {
    this.#push("i64");
    this.code.byte(0x42);
    this.code.s64(BigInt(value));
    return this;
  }

  f32(value: number): this {
    this.#push("f32");
    this.code.byte(0x43);
    numberView.setFloat32(0, value, true);
    this.code.all(numberBytes.subarray(0, 4));
    return this;
  }

  f64(value: number): this {
    this.#push("f64");
    this.code.byte(0x44);
    numberView.setFloat64(0, value, true);
    this.code.all(numberBytes.subarray(0, 8));
    return this;
  }

  /** A vector constant from its sixteen bytes. */
  v128(bytes: ArrayLike<number>): this {
    this.#push("v128");
    this.code.byte(0xfd);
    this.code.byte(0x0c);
    this.code.all(bytes);
    return this;
  }

  f32x4(value: number): this {
    for (let i = 0; i < 16; i += 4) numberView.setFloat32(i, value, true);
    return this.v128(numberBytes);
  }

  f64x2(value: number): this {
    for (let i = 0; i < 16; i += 8) numberView.setFloat64(i, value, true);
    return this.v128(numberBytes);
  }

  i32x4(value: number): this {
    for (let i = 0; i < 16; i += 4) numberView.setInt32(i, value, true);
    return this.v128(numberBytes);
  }

  i64x2(value: number | bigint): this {
    for (let i = 0; i < 16; i += 8) numberView.setBigInt64(i, BigInt(value), true);
    return this.v128(numberBytes);
  }

  call(func: Func): this {
    for (let i = func.takes.length - 1; i >= 0; i--) this.#pop(func.takes[i]!);
    this.#push(func.gives);
    this.code.byte(0x10);
    this.calls.push({ position: this.code.length, func });
    this.code.u32Padded(0);
    return this;
  }

  drop(): this {
    this.#pop(null);
    this.code.byte(0x1a);
    return this;
  }

  /** a, b, i32 test -> test ? a : b. */
  select(): this {
    this.#pop("i32");
    const type = this.#pop(null);
    this.#push(this.#pop(type));
    this.code.byte(0x1b);
    return this;
  }

  /** destination, source, bytes -> nothing; the ranges may overlap. */
  memoryCopy(): this {
    return this.#bulk([0xfc, 0x0a, 0, 0]);
  }

  /** destination, byte value, bytes -> nothing. */
  memoryFill(): this {
    return this.#bulk([0xfc, 0x0b, 0]);
  }

  #bulk(bytes: readonly number[]): this {
    for (let i = 0; i < 3; i++) this.#pop("i32");
    this.code.all(bytes);
    return this;
  }

  #open(code: number, branch: ValueType | null, result: ValueType | null): Label {
    this.code.byte(code);
    this.code.byte(result === null ? 0x40 : TYPE_CODES[result]);
    this.#frames.push({ height: this.#stack.length, branch, result, unreachable: false });
    return (this.#frames.length - 1) as Label;
  }

  /** Checks the end of the innermost frame and leaves the stack as it was at its entry. */
  #settle(): void {
    const frame = this.#frames[this.#frames.length - 1]!;
    if (frame.result !== null) this.#pop(frame.result);
    if (this.#stack.length !== frame.height) {
      throw new Error(`wasm assembler: ${this.#stack.length - frame.height} values too many at the end of a block`);
    }
  }

  #close(): void {
    this.#settle();
    this.code.byte(0x0b);
    this.#push(this.#frames.pop()!.result);
  }

  #frame(code: number, branch: ValueType | null, result: ValueType | null, body: (label: Label) => void): this {
    body(this.#open(code, branch, result));
    this.#close();
    return this;
  }

  /** A branch to the label leaves the block. */
  block(body: (done: Label) => void): this {
    return this.#frame(0x02, null, null, body);
  }

  blockValue(type: ValueType, body: (done: Label) => void): this {
    return this.#frame(0x02, type, type, body);
  }

  /** A branch to the label runs the body again; without one it ends. */
  loop(body: (again: Label) => void): this {
    return this.#frame(0x03, null, null, body);
  }

  /** `while (test) body`; the label `again` of the body skips to the next test. */
  while(test: () => unknown, body: (done: Label, again: Label) => void): this {
    return this.block((done) =>
      this.loop((again) => {
        test();
        this.op("i32.eqz").brIf(done);
        body(done, again);
        this.br(again);
      }),
    );
  }

  /** Takes an i32. */
  if(then: (end: Label) => void, otherwise?: (end: Label) => void): this {
    return this.#if(null, then, otherwise);
  }

  /** Takes an i32; both branches leave one value of `type`. */
  ifValue(type: ValueType, then: (end: Label) => void, otherwise: (end: Label) => void): this {
    return this.#if(type, then, otherwise);
  }

  #if(result: ValueType | null, then: (end: Label) => void, otherwise?: (end: Label) => void): this {
    this.#pop("i32");
    const label = this.#open(0x04, result, result);
    then(label);
    if (otherwise !== undefined) {
      this.#settle();
      this.#frames[this.#frames.length - 1]!.unreachable = false;
      this.code.byte(0x05);
      otherwise(label);
    }
    this.#close();
    return this;
  }

  br(label: Label): this {
    const { branch } = this.#frames[label]!;
    if (branch !== null) this.#pop(branch);
    return this.#branch(0x0c, label).#abandon();
  }

  /** Takes an i32 and branches when it is not 0. */
  brIf(label: Label): this {
    this.#pop("i32");
    const { branch } = this.#frames[label]!;
    if (branch !== null) this.#push(this.#pop(branch));
    return this.#branch(0x0d, label);
  }

  #branch(code: number, label: Label): this {
    this.code.byte(code);
    this.code.u32(this.#frames.length - 1 - label);
    return this;
  }

  return(): this {
    const { result } = this.#frames[0]!;
    if (result !== null) this.#pop(result);
    this.code.byte(0x0f);
    return this.#abandon();
  }

  unreachable(): this {
    this.code.byte(0x00);
    return this.#abandon();
  }

  /** What follows cannot run: the stack below is whatever the code asks for. */
  #abandon(): this {
    const frame = this.#frames[this.#frames.length - 1]!;
    this.#stack.length = frame.height;
    frame.unreachable = true;
    return this;
  }

  /** Ends the body. */
  end(): void {
    this.#close();
  }

  /** The declarations of the locals: runs of one type. */
  writeLocals(out: Bytes): void {
    const runs: { count: number; readonly type: ValueType }[] = [];
    for (const type of this.#locals) {
      const last = runs[runs.length - 1];
      if (last?.type === type) last.count++;
      else runs.push({ count: 1, type });
    }
    out.u32(runs.length);
    for (const { count, type } of runs) {
      out.u32(count);
      out.byte(TYPE_CODES[type]);
    }
  }
}
