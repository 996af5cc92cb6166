/** Index results: a different index is as good where it points at an equal value of the input. */
import type { IndexTest } from "./compare.ts";
import { type Encoded, isTagged, type Sample, type TensorRecord } from "./format.ts";
import { close, type Num } from "./numbers.ts";
import { recorded, type Snapshot } from "./snapshot.ts";

const same = { rtol: 0, atol: 0 };

/** The test of one position of an index result, or undefined where the input does not decide. */
export function indexTest(sample: Sample): IndexTest | undefined {
  const input = sample.args[0] ?? null;
  if (!isTagged(input, "tensor")) return undefined;
  const values = recorded(input).values;
  const address = addressing(sample, input);
  return (got, want, position, where) => {
    if (!holdsIndices(sample, where)) return false;
    const pointed = ({ values: indices, shape }: Snapshot): Num | undefined =>
      values[address(Number(indices[position]), position, shape)];
    const [a, b] = [pointed(got), pointed(want)];
    return a !== undefined && b !== undefined && close(a, b, same);
  };
}

/** The second of (values, indices), or the only result of argmax and argmin: integer values are no indices. */
function holdsIndices({ op, out }: Sample, where: string): boolean {
  return isTagged(out, "tuple") ? where.endsWith("[1]") : /arg(max|min)$/.test(op);
}

/** Where in the input an index of the result at `position` points; -1 if it is out of range. */
type Address = (index: number, position: number, shape: readonly number[]) => number;

function addressing(sample: Sample, { shape: input }: TensorRecord): Address {
  const pooled = /max_?pool(\d)d/i.exec(sample.op)?.[1];
  if (pooled !== undefined) return planeAddress(input, Number(pooled));
  const dim = given(sample, "dim");
  if (typeof dim === "number") return dimAddress(input, dim < 0 ? dim + input.length : dim);
  if (!isTagged(sample.out, "tuple")) return (index) => index;
  return dimAddress(input, input.length - 1);
}

function given({ args, names, opts }: Sample, name: string): Encoded | undefined {
  return opts[name] ?? args[names.indexOf(name)];
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function planeAddress(input: readonly number[], dims: number): Address {
  const plane = size(input.slice(input.length - dims));
  return (index, position, shape) => {
    if (index < 0 || index >= plane) return -1;
    return Math.floor(position / size(shape.slice(shape.length - dims))) * plane + index;
  };
}

function dimAddress(input: readonly number[], dim: number): Address {
  const inner = size(input.slice(dim + 1));
  const length = input[dim] ?? 1;
  return (index, position, shape) => {
    if (index < 0 || index >= length) return -1;
    const along = shape.length === input.length ? (shape[dim] ?? 1) : 1;
    const outer = Math.floor(position / (inner * along));
    return (outer * length + index) * inner + (position % inner);
  };
}
