/** A growing pickle: numbers and strings in the shortest form that protocol 2 has, and the memo. */
import { isInt } from "../core/scalar.ts";
import { op } from "./opcodes.ts";
import { encodeText } from "./text.ts";

/** Bytes of a two's complement number, little-endian, as few as keep the sign. */
export function bytesFromInt(value: bigint): Uint8Array {
  let length = 1;
  while (value !== BigInt.asIntN(8 * length, value)) length *= 2;
  const digits = BigInt.asUintN(8 * length, value)
    .toString(16)
    .padStart(2 * length, "0");
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    bytes[i] = Number.parseInt(digits.slice(2 * (length - 1 - i), 2 * (length - i)), 16);
  }
  const sign = value < 0n ? 255 : 0;
  while (length > 1 && bytes[length - 1] === sign && bytes[length - 2]! >> 7 === (sign & 1)) length--;
  return bytes.subarray(0, length);
}

/** The bytes written so far. */
export class PickleOutput {
  /** Which objects stand in the reader's memo, and where. */
  readonly memo: Map<object, number> = new Map();
  readonly #named: Map<string, number> = new Map();
  #memoized = 0;
  #bytes: Uint8Array = new Uint8Array(1024);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Makes room for `count` bytes and returns where they go. */
  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  bytes(...values: number[]): void {
    this.append(values);
  }

  append(values: ArrayLike<number>): void {
    const at = this.#grow(values.length);
    this.#bytes.set(values, at);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  scalar(value: number | bigint | boolean | string): void {
    if (typeof value === "boolean") this.bytes(value ? op.NEWTRUE : op.NEWFALSE);
    else if (typeof value === "string") this.string(value);
    else if (typeof value === "bigint" || isInt(value)) this.int(BigInt(value));
    else this.float(value);
  }

  float(value: number): void {
    this.bytes(op.BINFLOAT);
    const at = this.#grow(8);
    this.#view.setFloat64(at, value, false);
  }

  int(value: bigint): void {
    const number = Number(value);
    if (number >= 0 && number < 2 ** 8) this.bytes(op.BININT1, number);
    else if (number >= 0 && number < 2 ** 16) this.bytes(op.BININT2, number & 255, number >> 8);
    else if (number >= -(2 ** 31) && number < 2 ** 31) {
      this.bytes(op.BININT);
      this.u32(number >>> 0);
    } else {
      const bytes = bytesFromInt(value);
      this.bytes(op.LONG1, bytes.length);
      this.append(bytes);
    }
  }

  /** A string; the second time a reference to the first. */
  string(text: string): void {
    this.#shared("s", text);
  }

  /** A storage's key: to Python another object than the string of the same characters. */
  key(text: string): void {
    this.#shared("k", text);
  }

  #shared(kind: string, text: string): void {
    if (this.#recall(kind + text)) return;
    this.#text(encodeText(text));
    this.#remember(kind + text);
  }

  /** Bytes as a string of the characters with these codes. */
  latin1(bytes: Uint8Array): void {
    const utf8 = new Uint8Array(bytes.length + bytes.reduce((n, byte) => n + (byte >> 7), 0));
    let i = 0;
    for (const byte of bytes) {
      if (byte < 128) utf8[i++] = byte;
      else {
        utf8[i++] = 0xc0 | (byte >> 6);
        utf8[i++] = 0x80 | (byte & 63);
      }
    }
    this.#text(utf8);
    this.memoize(null);
  }

  #text(utf8: Uint8Array): void {
    this.bytes(op.BINUNICODE);
    this.u32(utf8.length);
    this.append(utf8);
  }

  /** A class or function by name. */
  global(module: string, name: string): void {
    const line = `${module}\n${name}\n`;
    if (this.#recall(`c${line}`)) return;
    this.bytes(op.GLOBAL);
    this.append(encodeText(line));
    this.#remember(`c${line}`);
  }

  #recall(key: string): boolean {
    const known = this.#named.get(key);
    if (known !== undefined) this.get(known);
    return known !== undefined;
  }

  #remember(key: string): void {
    this.#named.set(key, this.#memoized);
    this.memoize(null);
  }

  /** Gives the value on top of the stack the next place in the memo, also where nobody will ask for it, as Python does. */
  memoize(owner: object | null): void {
    const index = this.#memoized++;
    if (owner !== null) this.memo.set(owner, index);
    this.#indexed(op.BINPUT, op.LONG_BINPUT, index);
  }

  get(index: number): void {
    this.#indexed(op.BINGET, op.LONG_BINGET, index);
  }

  #indexed(short: number, long: number, index: number): void {
    if (index < 256) {
      this.bytes(short, index);
    } else {
      this.bytes(long);
      this.u32(index);
    }
  }
}
