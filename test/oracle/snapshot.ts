/** A tensor as plain data: what the comparison works on, so that it needs no library. */
import { callMethod, property, shortDtype, type Tensor, tensorMethod } from "./face.ts";
import type { TensorRecord } from "./format.ts";
import { cellValues } from "./format.ts";
import type { Num } from "./numbers.ts";

/** Dtype, shape and row-major elements (complex interleaved, bool as 0 and 1). */
export interface Snapshot {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly Num[];
}

/** The elements of a tensor of the library. */
export function snapshot(tensor: Tensor): Snapshot {
  const values: Num[] = [];
  collect(callMethod(tensorMethod(tensor, "detach"), "tolist", [{ bigint: true }]), values);
  return { dtype: shortDtype(tensor), shape: [...tensor.shape], values };
}

/** A recorded tensor in the same form: its data, or what its strides select from its storage. */
export function recorded(record: TensorRecord): Snapshot {
  const { dtype, shape, data, storage = [] } = record;
  if (data !== undefined) return { dtype, shape, values: cellValues(data, dtype) };
  const cells = cellValues(storage, dtype);
  return { dtype, shape, values: positions(record).map((position) => cells[position] ?? Number.NaN) };
}

/** The storage positions of a strided tensor's elements, in row-major order. */
function positions({ shape, strides = [], offset = 0 }: TensorRecord): number[] {
  return shape.reduce(
    (outer, size, dim) => outer.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * (strides[dim] ?? 0))),
    [offset],
  );
}

function collect(item: unknown, into: Num[]): void {
  if (Array.isArray(item)) for (const inner of item) collect(inner, into);
  else if (typeof item === "number") into.push(item);
  else if (typeof item === "bigint") into.push(Number.isSafeInteger(Number(item)) ? Number(item) : item);
  else if (typeof item === "boolean") into.push(item ? 1 : 0);
  else into.push(Number(property(item, "re")), Number(property(item, "im")));
}

/** Where a tensor lies: the storage's identity, the offset and the strides in elements. */
export interface Placement {
  readonly storage: unknown;
  readonly offset: unknown;
  readonly strides: readonly unknown[];
}

/** The placement of a tensor of the library. */
export function placement(tensor: Tensor): Placement {
  const strides = callMethod(tensor, "stride", []);
  return {
    storage: callMethod(callMethod(tensor, "untypedStorage", []), "dataPtr", []),
    offset: callMethod(tensor, "storageOffset", []),
    strides: Array.isArray(strides) ? [...strides] : [strides],
  };
}
