/** A cursor over a pickle: numbers, counted bytes and lines, none of which reaches past the end. */
import { UnpicklingError } from "./errors.ts";
import { decodeText } from "./text.ts";

/** Python itself refuses to read longer decimal ints (`sys.int_info.default_max_str_digits`). */
const mostDigits = 4300;
/** Longer ints exceed what a bigint can be long before they exceed a file. */
const mostIntBytes = 2 ** 20;

/** A little-endian two's complement number as Python's int. */
export function intFromBytes(bytes: Uint8Array): number | bigint {
  let hex = "0x0";
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i]!.toString(16).padStart(2, "0");
  const negative = bytes.length > 0 && bytes[bytes.length - 1]! >= 128;
  return narrow(negative ? BigInt(hex) - (1n << BigInt(8 * bytes.length)) : BigInt(hex));
}

/** A number where that is exact, else a bigint. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Gives the same bytes with at least `length` of them, or as many as there are. */
export type Grow = (length: number) => Uint8Array;

/** Reads a pickle from `position` on. */
export class PickleBytes {
  position: number;
  /** What messages call the pickle. */
  readonly label: string;
  #bytes: Uint8Array;
  #view: DataView;
  readonly #grow: Grow | null;

  /** `grow` is asked where the bytes are the beginning of a file only. */
  constructor(bytes: Uint8Array, position: number, label: string, grow: Grow | null = null) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#grow = grow;
    this.label = label;
    this.position = position;
  }

  /** Whether there are `length` bytes in all, after asking for more. */
  #reach(length: number): boolean {
    if (length > this.#bytes.length && this.#grow !== null) {
      const bytes = this.#grow(length);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return length <= this.#bytes.length;
  }

  /** An error that says where. */
  error(what: string): UnpicklingError {
    return new UnpicklingError(`${this.label}, pickle offset ${this.position}: ${what}`);
  }

  /** An error for a pickle that goes on after its last byte. */
  #truncated(what: string): UnpicklingError {
    return this.error(`pickle data was truncated (expected ${what})`);
  }

  /** Moves past `count` bytes and returns where they begin. It may replace the bytes, so it comes before their use. */
  #skip(count: number): number {
    const start = this.position;
    if (start + count > this.#bytes.length && !this.#reach(start + count)) {
      throw this.#truncated(`${count} more bytes, found ${this.#bytes.length - start}`);
    }
    this.position = start + count;
    return start;
  }

  u8(): number {
    const at = this.#skip(1);
    return this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.#skip(2);
    return this.#view.getUint16(at, true);
  }

  i32(): number {
    const at = this.#skip(4);
    return this.#view.getInt32(at, true);
  }

  u32(): number {
    const at = this.#skip(4);
    return this.#view.getUint32(at, true);
  }

  u64(): number {
    const at = this.#skip(8);
    return Number(this.#view.getBigUint64(at, true));
  }

  f64(): number {
    const at = this.#skip(8);
    return this.#view.getFloat64(at, false);
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(length: number): string {
    const text = decodeText(this.bytes(length));
    if (text === null) throw this.error("a string that is not UTF-8");
    return text;
  }

  int(length: number): number | bigint {
    if (length > mostIntBytes) throw this.error(`an int of ${length} bytes (at most ${mostIntBytes} are read)`);
    return intFromBytes(this.bytes(length));
  }

  /** The bytes up to the next newline, which is passed over. */
  line(): Uint8Array {
    let stop = this.#bytes.indexOf(10, this.position);
    while (stop < 0) {
      const searched = this.#bytes.length;
      if (!this.#reach(searched + 1)) throw this.#truncated("a line end");
      stop = this.#bytes.indexOf(10, searched);
    }
    const line = this.#bytes.subarray(this.position, stop);
    this.position = stop + 1;
    return line;
  }

  textLine(): string {
    const text = decodeText(this.line());
    if (text === null) throw this.error("a line that is not UTF-8");
    return text;
  }

  /** A decimal int, with the `L` of Python 2. */
  intLine(): number | bigint {
    const text = this.textLine().replace(/L$/, "").trim();
    if (text.length > mostDigits) throw this.error(`an int of more than ${mostDigits} digits`);
    if (!/^[+-]?\d+$/.test(text)) throw this.error(`expected an int, found "${text.slice(0, 40)}"`);
    return narrow(BigInt(text.replace("+", "")));
  }

  floatLine(): number {
    const text = this.textLine().trim();
    const special = /^([+-]?)(inf|nan)/i.exec(text);
    const value = special ? (special[2]!.toLowerCase() === "inf" ? Infinity : NaN) : Number(text || "x");
    if (special) return special[1] === "-" ? -value : value;
    if (Number.isNaN(value)) throw this.error(`expected a float, found "${text.slice(0, 40)}"`);
    return value;
  }

  /** Protocol 0's Unicode: Latin-1 with `\u` escapes. */
  escapedLine(): string {
    const raw = latin1(this.line());
    return raw.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_all, short?: string, long?: string) => {
      const code = Number.parseInt(short ?? long ?? "", 16);
      if (code > 0x10ffff) throw this.error(`no such character: ${code}`);
      return short === undefined ? String.fromCodePoint(code) : String.fromCharCode(code);
    });
  }

  /** Protocol 0's byte string: quoted, with Python's escapes. */
  quotedLine(): string {
    const raw = latin1(this.line()).trim();
    const quote = raw[0];
    if (raw.length < 2 || (quote !== "'" && quote !== '"') || raw.at(-1) !== quote) {
      throw this.error("a string without its quotes");
    }
    const codes: number[] = [];
    for (const [token] of raw.slice(1, -1).matchAll(/\\x[0-9a-fA-F]{2}|\\[0-7]{1,3}|\\?./gs))
      codes.push(unescaped(token));
    const text = decodeText(Uint8Array.from(codes));
    if (text === null) throw this.error("a string that is not UTF-8");
    return text;
  }
}

const escapes: ReadonlyMap<string, number> = new Map([
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["a", 7],
  ["b", 8],
  ["v", 11],
  ["f", 12],
]);

function unescaped(token: string): number {
  const code = token.charCodeAt(0);
  if (token.length === 1) return code;
  if (token.startsWith("\\x")) return Number.parseInt(token.slice(2), 16);
  const rest = token.slice(1);
  if (/^[0-7]+$/.test(rest)) return Number.parseInt(rest, 8) & 255;
  return escapes.get(rest) ?? rest.charCodeAt(0);
}

/** One character per byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}
