/** How two tensors in files differ. */
import type { serialization } from "cresset";
import { hasNumbers, numbersOf, partsOf, pieces } from "./elements.ts";

type LazyTensor = serialization.LazyTensor;

/** What counts as close: `|a - b| <= atol + rtol * |b|`, as in `torch.allclose`. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** How two tensors of one shape differ. */
export interface Difference {
  /** Elements that are not close. */
  readonly differing: number;
  readonly numel: number;
  /** The largest absolute difference; null where the dtype has no numbers here. */
  readonly largest: number | null;
  /** The mean absolute difference over all elements. */
  readonly mean: number | null;
}

/** Whether two pieces have the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return process.getBuiltinModule("buffer").Buffer.compare(a, b) === 0;
}

/** Sums up over pieces. */
class Sum {
  differing = 0;
  largest = 0;
  total = 0;
  readonly #tolerance: Tolerance;

  constructor(tolerance: Tolerance) {
    this.#tolerance = tolerance;
  }

  /** Takes the distance of two elements and the size of the second. */
  add(distance: number, size: number): void {
    if (distance === 0) return;
    this.total += distance;
    if (!(distance <= this.largest)) this.largest = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    if (!(distance <= this.#tolerance.atol + this.#tolerance.rtol * size)) this.differing++;
  }
}

/** Two that are not a number are equal, so are two of one infinity. Of long integers exact, as far as it is small. */
function distance(a: number | bigint, b: number | bigint): number {
  if (typeof a === "bigint" || typeof b === "bigint") return distanceOfLong(a, b);
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const found = Math.abs(a - b);
  return Number.isNaN(found) ? Number.POSITIVE_INFINITY : found;
}

function distanceOfLong(a: number | bigint, b: number | bigint): number {
  if (typeof a !== "bigint" || typeof b !== "bigint") return distance(Number(a), Number(b));
  return Number(a > b ? a - b : b - a);
}

/** Compares two tensors of one shape, a piece of each at a time; `progress` hears of every piece of the first. */
export async function compare(
  a: LazyTensor,
  b: LazyTensor,
  tolerance: Tolerance,
  progress: (bytes: number) => void,
): Promise<Difference> {
  const numeric = hasNumbers(a.dtype) && hasNumbers(b.dtype) && partsOf(a.dtype) === partsOf(b.dtype);
  const sum = new Sum(tolerance);
  const others = pieces(b);
  for await (const piece of pieces(a)) {
    const other = (await others.next()).value as Uint8Array;
    const same = a.dtype === b.dtype && sameBytes(piece, other);
    if (!same && numeric) await addPiece(sum, [piece, a.dtype], [other, b.dtype]);
    else if (!same) sum.differing += differingElements(piece, other, a.itemsize, b.itemsize);
    progress(piece.length);
  }
  const { differing, largest, total } = sum;
  const { numel } = a;
  if (!numeric) return { differing, numel, largest: null, mean: null };
  return { differing, numel, largest, mean: numel === 0 ? 0 : total / numel };
}

async function addPiece(sum: Sum, a: [Uint8Array, string], b: [Uint8Array, string]): Promise<void> {
  const [x, y] = [await numbersOf(...a), await numbersOf(...b)];
  if (partsOf(a[1]) === 1) {
    for (let i = 0; i < x.length; i++) {
      if (x[i] !== y[i]) sum.add(distance(x[i]!, y[i]!), Math.abs(Number(y[i])));
    }
    return;
  }
  for (let i = 0; i + 1 < x.length; i += 2) {
    const [real, imaginary] = [distance(Number(x[i]), Number(y[i])), distance(Number(x[i + 1]), Number(y[i + 1]))];
    sum.add(Math.hypot(real, imaginary), Math.hypot(Number(y[i]), Number(y[i + 1])));
  }
}

/** Elements whose bits differ, of dtypes without numbers here. */
function differingElements(a: Uint8Array, b: Uint8Array, size: number, otherSize: number): number {
  const count = a.length / size;
  if (size !== otherSize) return count;
  let differing = 0;
  for (let i = 0; i < count; i++) {
    if (!sameBytes(a.subarray(i * size, (i + 1) * size), b.subarray(i * size, (i + 1) * size))) differing++;
  }
  return differing;
}

/** What tells tensors of one dtype and shape apart, for finding those that moved. */
export async function fingerprint(tensor: LazyTensor, progress: (bytes: number) => void): Promise<string> {
  const hash = process.getBuiltinModule("crypto").createHash("sha256");
  for await (const piece of pieces(tensor)) {
    hash.update(piece);
    progress(piece.length);
  }
  return hash.digest("hex");
}
