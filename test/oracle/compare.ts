/** A result against its record: kind, dtype, shape, elements, and for views the memory they share. */
import { describe, elements, isTensor, lookup, property, type Tensor } from "./face.ts";
import { type Encoded, isTagged, type TensorRecord } from "./format.ts";
import { camelCase } from "./names.ts";
import { category, close, isSoft, type Noise, type Num, toleranceOf } from "./numbers.ts";
import { placement, recorded, type Snapshot, snapshot } from "./snapshot.ts";

/** What differs: `category` is a dtype of a lower category with otherwise equal values. */
export type MismatchKind = "throws" | "missing" | "kind" | "dtype" | "category" | "shape" | "value" | "alias" | "grad";

/** One difference between a result and its record. */
export interface Mismatch {
  readonly kind: MismatchKind;
  readonly where: string;
  readonly what: string;
  /** The record sits on a discontinuity: report, do not fail. */
  readonly soft?: boolean;
}

/** Whether an index at a position of the result at `where` is as good as the recorded one. */
export type IndexTest = (got: Snapshot, want: Snapshot, position: number, where: string) => boolean;

/** What a comparison needs to know beyond the two values. */
export interface Context extends Noise {
  readonly unstable?: boolean | undefined;
  /** Whether PyTorch's layout must be met (only where the caller holds the recorded inputs). */
  readonly inputs?: ReadonlyMap<number, Tensor> | undefined;
  /** The dtype whose tolerance Python floats get. */
  readonly dtype: string;
  /** Replaces the elementwise comparison of integer results (ties among equal values). */
  readonly sameIndex?: IndexTest | undefined;
}

/** The differences between a result and its record. */
export function compare(want: Encoded, got: unknown, context: Context, where = "out"): Mismatch[] {
  if (isTagged(want, "tensor")) return compareTensor(want, got, context, where);
  const items = sequenceOf(want);
  if (items !== undefined) return compareSequence(want, items, got, context, where);
  return compareScalar(want, got, context)
    ? []
    : [{ kind: "kind", where, what: `expected ${JSON.stringify(want)}, got ${describe(got)}` }];
}

function sequenceOf(want: Encoded): readonly Encoded[] | undefined {
  if (typeof want !== "object" || want === null) return undefined;
  if (!("t" in want)) return want;
  return isTagged(want, "tuple") || isTagged(want, "size") ? want.v : undefined;
}

function compareSequence(
  want: Encoded,
  items: readonly Encoded[],
  got: unknown,
  context: Context,
  where: string,
): Mismatch[] {
  const found = elements(got);
  if (found?.length !== items.length) {
    return [{ kind: "kind", where, what: `expected ${items.length} values, got ${describe(got)}` }];
  }
  const names = isTagged(want, "tuple") ? (want.names ?? []) : [];
  const unnamed = names.filter((name, i) => property(got, camelCase(name)) !== found[i]);
  const wrongNames: Mismatch[] = unnamed.map((name) => ({ kind: "kind", where, what: `has no field ${name}` }));
  return [...wrongNames, ...items.flatMap((item, i) => compare(item, found[i], context, `${where}[${i}]`))];
}

function compareScalar(want: Encoded, got: unknown, context: Context): boolean {
  if (want === null) return got === null || got === undefined;
  if (typeof want === "number") return typeof got === "bigint" ? got === BigInt(want) : got === want;
  if (isTagged(want, "int")) return got === BigInt(want.v);
  if (isTagged(want, "float")) {
    return typeof got === "number" && close(got, Number(want.v), toleranceOf(context.dtype, context));
  }
  if (isTagged(want, "dtype")) return got === lookup(want.v);
  return got === want;
}

function compareTensor(want: TensorRecord, got: unknown, context: Context, where: string): Mismatch[] {
  if (!isTensor(got)) return [{ kind: "kind", where, what: `expected a tensor, got ${describe(got)}` }];
  const have = snapshot(got);
  return [
    ...compareDtype(want.dtype, have.dtype, where),
    ...compareElements(recorded(want), have, context, where, want.meta === true),
    ...comparePlacement(want, got, context, where),
  ];
}

function compareDtype(want: string, got: string, where: string): Mismatch[] {
  if (want === got) return [];
  const kind = category(got) < category(want) ? "category" : "dtype";
  return [{ kind, where, what: `expected dtype ${want}, got ${got}` }];
}

/** Shape and elements; `meta` results have undefined elements. */
export function compareElements(
  want: Snapshot,
  got: Snapshot,
  context: Context,
  where: string,
  meta = false,
): Mismatch[] {
  if (want.shape.join() !== got.shape.join()) {
    return [{ kind: "shape", where, what: `expected shape [${want.shape}], got [${got.shape}]` }];
  }
  if (meta) return [];
  const wrong = wrongPositions(want, got, context, where);
  const [first] = wrong;
  if (first === undefined) return [];
  const what =
    `${wrong.length} of ${want.values.length} elements differ, first at ${first}: ` +
    `expected ${want.values[first]}, got ${got.values[first]}${largest(want, got, wrong)}`;
  const soft = isSoft(context) && category(want.dtype) >= 2;
  return [{ kind: "value", where, what, ...(soft ? { soft } : {}) }];
}

function wrongPositions(want: Snapshot, got: Snapshot, context: Context, where: string): number[] {
  const tolerance = toleranceOf(want.dtype, context);
  const wrong: number[] = [];
  for (let i = 0; i < want.values.length; i++) {
    const a = got.values[i] ?? Number.NaN;
    const b = want.values[i] ?? Number.NaN;
    if (close(a, b, tolerance)) continue;
    if (context.unstable && excused(a, b, want.dtype)) continue;
    if (category(want.dtype) === 1 && context.sameIndex?.(got, want, i, where)) continue;
    wrong.push(i);
  }
  return wrong;
}

/** PyTorch's own float32 and float64 runs disagree about infinities, NaN or integers in such a sample. */
function excused(got: Num, want: Num, dtype: string): boolean {
  return category(dtype) < 2 || !Number.isFinite(Number(got)) || !Number.isFinite(Number(want));
}

function largest(want: Snapshot, got: Snapshot, wrong: readonly number[]): string {
  const differences = wrong.map((i) => Math.abs(Number(got.values[i]) - Number(want.values[i])));
  const finite = differences.filter(Number.isFinite);
  return finite.length === 0 ? "" : ` (largest difference ${Math.max(...finite).toPrecision(3)})`;
}

function comparePlacement(want: TensorRecord, got: Tensor, { inputs }: Context, where: string): Mismatch[] {
  if (inputs === undefined) return [];
  const wrong = (what: string): Mismatch[] => [{ kind: "alias", where, what }];
  if (want.is !== undefined) return got === inputs.get(want.is) ? [] : wrong(`is not input ${want.is} itself`);
  if (want.meta === true) return compareStrides(want, got, where);
  const base = want.base === undefined ? undefined : inputs.get(want.base);
  if (base === undefined) return [];
  const [here, there] = [placement(got), placement(base)];
  if (here.storage !== there.storage) return wrong(`does not share the storage of input ${want.base}`);
  if (here.offset !== want.offset) return wrong(`expected offset ${want.offset}, got ${here.offset}`);
  return compareStrides(want, got, where);
}

function compareStrides(want: TensorRecord, got: Tensor, where: string): Mismatch[] {
  const expected = want.strides ?? contiguousStrides(want.shape);
  const { strides } = placement(got);
  if (expected.join() === strides.join()) return [];
  return [{ kind: "alias", where, what: `expected strides [${expected}], got [${strides}]` }];
}

function contiguousStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * Math.max(1, shape[i + 1] ?? 1);
  return strides;
}
