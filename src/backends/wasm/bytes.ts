/** A growing byte string with WebAssembly's number encodings. */

export class Bytes {
  // An array: most byte strings are short, and an ArrayBuffer each costs more than its contents.
  readonly #data: number[] = [];

  get length(): number {
    return this.#data.length;
  }

  byte(value: number): void {
    this.#data.push(value);
  }

  /** Unsigned LEB128, up to 32 bits. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Unsigned LEB128 in exactly five bytes, so that it can be overwritten by `patch`. */
  u32Padded(value: number): void {
    const position = this.length;
    this.#data.push(0, 0, 0, 0, 0);
    this.patch(position, value);
  }

  patch(position: number, value: number): void {
    for (let i = 0; i < 5; i++) this.#data[position + i] = ((value >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0);
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  all(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.#data.push(values[i]!);
  }

  /** A name: its length, then its (ASCII) characters. */
  name(text: string): void {
    this.u32(text.length);
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  append(other: Bytes): void {
    this.all(other.#data);
  }

  take(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#data);
  }
}
