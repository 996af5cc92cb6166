/** Arithmetic of layouts as files have them. */

/** Row-major strides. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

/** The span of a tensor in its storage, in elements. */
export function spanOf({ shape, strides }: { shape: readonly number[]; strides: readonly number[] }): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 1);
}

/** Whether elements lie in row-major order without holes. */
export function isContiguous({ shape, strides }: { shape: readonly number[]; strides: readonly number[] }): boolean {
  if (shape.includes(0)) return true;
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    if (strides[i] !== step) return false;
    step *= shape[i]!;
  }
  return true;
}

const units = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array } as const;

/** The elements of a strided tensor in row-major order; `bytes` begin with its first. */
export function gather(
  bytes: Uint8Array,
  { shape, strides }: { shape: readonly number[]; strides: readonly number[] },
  itemsize: number,
): Uint8Array {
  // Larger elements go as words of 4 bytes: a float64 that is no number would not survive as a number.
  const words = itemsize / 4;
  if (words > 1) return gather(bytes, { shape: [...shape, words], strides: [...strides.map((s) => s * words), 1] }, 4);
  const Unit = units[itemsize as keyof typeof units];
  const aligned = bytes.byteOffset % itemsize === 0 ? bytes : bytes.slice();
  const from = new Unit(aligned.buffer as ArrayBuffer, aligned.byteOffset, Math.floor(bytes.length / itemsize));
  const to = new Unit(shape.reduce((product, size) => product * size, 1));
  let next = 0;
  const copy = (dim: number, at: number): void => {
    const [size, stride] = [shape[dim]!, strides[dim]!];
    if (dim === shape.length - 1) for (let i = 0; i < size; i++) to[next++] = from[at + i * stride]!;
    else for (let i = 0; i < size; i++) copy(dim + 1, at + i * stride);
  };
  if (to.length > 0) copy(0, 0);
  return new Uint8Array(to.buffer);
}
