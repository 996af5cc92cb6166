/** `at` and `setAt` against indices recorded from PyTorch 1.13.1, their refusals, and writes under autograd. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

type Recorded =
  | { k: "int" | "bool" | "list"; v: never }
  | { k: "slice"; v: [number | null, number | null, number | null] }
  | { k: "none" | "ell" }
  | { k: "t"; dt: "bool" | "int64" | "uint8"; v: never; sh?: number[] };

/** One recorded indexing: `strided` transposes the memory, `vs` is the shape of the value -5 that was written. */
interface Case {
  readonly shape: number[];
  readonly strided: boolean;
  readonly index: readonly Recorded[];
  readonly os?: number[];
  readonly out?: unknown;
  readonly view?: boolean | null;
  readonly grad?: unknown;
  readonly vs?: number[];
  readonly set?: unknown;
  readonly err?: string;
  readonly msg?: string;
}

const cases: Case[] = JSON.parse(readFileSync(new URL("../data/indexing.json", import.meta.url), "utf8"));

function decode(part: Recorded): Parameters<torch.Tensor["at"]>[number] {
  switch (part.k) {
    case "slice":
      return torch.slice(...part.v);
    case "none":
      return null;
    case "ell":
      return "...";
    case "t": {
      const t = torch.tensor(part.v, { dtype: part.dt });
      return part.sh === undefined ? t : t.reshape(part.sh);
    }
    default:
      return part.v;
  }
}

const numel = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function inputOf({ shape, strided }: Case, requiresGrad = false): { leaf: torch.Tensor; x: torch.Tensor } {
  const leaf = torch.arange(numel(shape), { dtype: "float32" }).view(shape).clone().requiresGrad_(requiresGrad);
  return { leaf, x: strided ? leaf.transpose(0, -1).contiguous().transpose(0, -1) : leaf };
}

const titled = cases.map((c) => [`${JSON.stringify(c.shape)} at ${JSON.stringify(c.index)}`, c] as const);
const fine = titled.filter(([, c]) => c.err === undefined);

test.each(fine)("%s has PyTorch's elements, and shares memory as there", (_, c) => {
  const { x } = inputOf(c);
  const y = x.at(...c.index.map(decode));
  expect([...y.shape]).toEqual(c.os);
  expect(y.tolist()).toEqual(c.out);
  expect(y.numel() === 0 || c.view === null || (y.untypedStorage() === x.untypedStorage()) === c.view).toBe(true);
});

test.each(
  fine.filter(([, c]) => c.grad !== undefined),
)("%s sends gradients to where the elements came from", (_, c) => {
  const { leaf, x } = inputOf(c, true);
  const y = x.at(...c.index.map(decode));
  y.mul(torch.arange(1, y.numel() + 1, { dtype: "float32" }).view(y.shape))
    .sum()
    .backward();
  expect(leaf.grad?.tolist()).toEqual(c.grad);
});

test.each(fine.filter(([, c]) => c.set !== undefined))("%s is written where it is read", (_, c) => {
  const x = inputOf(c).x.clone();
  expect(x.setAt(c.index.map(decode), torch.full(c.vs ?? [], -5, { dtype: "float32" }))).toBe(x);
  expect(x.tolist()).toEqual(c.set);
});

test.each(titled.filter(([, c]) => c.err !== undefined))("%s is refused in PyTorch's words", (_, c) => {
  const index = c.index.map(decode);
  expect(() => inputOf(c).x.at(...index)).toThrow(c.msg);
});

const x = (): torch.Tensor => torch.arange(12, { dtype: "float32" }).view(3, 4);
const long = (...values: number[]): torch.Tensor => torch.tensor(values, { dtype: "int64" });

test.each([
  ["too many", () => x().at(0, 0, 0), "too many indices for tensor of dimension 2"],
  ["a number of a number", () => torch.tensor(1).at(0), "invalid index of a 0-dim tensor. Use `tensor.item()`"],
  ["a step backwards", () => x().at("::-1"), "step must be greater than zero"],
  ["a step of nothing", () => x().at("::0"), "slice step cannot be zero"],
  [
    "a fraction",
    () => x().at(1.5),
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)",
  ],
  ["a text", () => x().at("a"), `invalid index "a"`],
  ["an index tensor of floats", () => x().at(torch.tensor([0])), "pass { dtype: 'int64' }"],
  [
    "an index of int16",
    () => x().at(long(0).short()),
    "tensors used as indices must be long, int, byte or bool tensors",
  ],
  ["an empty dim", () => torch.zeros(0, 4).at(long(0)), "index is out of bounds for dimension with size 0"],
  [
    "shapes that do not broadcast",
    () => x().at(long(0, 1), long(0, 1, 2)),
    "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
  ],
  [
    "a value of another dtype",
    () => x().setAt([long(0)], long(1)),
    "Index put requires the source and destination dtypes match, got Float for the destination and Long for the source.",
  ],
  [
    "a value that does not fit",
    () => x().setAt([long(0)], torch.zeros(3)),
    "shape mismatch: value tensor of shape [3] cannot be broadcast to indexing result of shape [1, 4]",
  ],
  [
    "a value too many for a mask",
    () => x().setAt([x().gt(3)], torch.zeros(2)),
    "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [8]",
  ],
])("%s is refused", (_, misuse, message) => {
  expect(misuse).toThrow(message);
});

test("one value where a mask is true is converted", () => {
  expect(
    torch
      .zeros(3)
      .setAt([torch.tensor([true, false, true])], long(7))
      .tolist(),
  ).toEqual([7, 0, 7]);
});

test("int32 indices, and lists in lists read as in PyTorch 2", () => {
  expect(x().at(long(2).int()).tolist()).toEqual([[8, 9, 10, 11]]);
  expect(
    x()
      .at([
        [0, 1],
        [1, 2],
      ])
      .tolist(),
  ).toEqual([1, 6]);
  expect(x().at(long(0, 2).int()).shape.numel()).toBe(8);
});

test("a write from an overlapping part of the same memory is refused before anything is written", () => {
  const y = x();
  const overlap = "some elements of the input tensor and the written-to tensor refer to a single memory location";
  expect(() => y.setAt([long(0, 1)], y.at("1:3"))).toThrow(overlap);
  expect(() => y.setAt(["0:2"], y.at("1:3"))).toThrow(overlap);
  expect(() => y.indexPut_([long(0, 1, 2)], y)).toThrow(overlap);
  expect(y.tolist()).toEqual(x().tolist());
});

test("setAt is recorded as IndexPutBackward0, also through a view of a base", () => {
  const w = torch.ones(2, { requiresGrad: true });
  const base = torch.zeros(3, 4).requiresGrad_().mul(1);
  base.at(1).setAt([long(0, 3)], w);
  expect(base.gradFn?.name()).toBe("CopySlices");
  base.mul(torch.arange(12).view(3, 4)).sum().backward();
  expect(w.grad?.tolist()).toEqual([4, 7]);
  const y = torch.zeros(4).requiresGrad_().mul(1);
  expect(y.setAt([long(0, 3)], 2).gradFn?.name()).toBe("IndexPutBackward0");
});

test("a value that is broadcast gets the sum of the gradients of its places", () => {
  const w = torch.ones(1, { requiresGrad: true });
  const y = torch.zeros(3, 4).setAt([x().gt(5)], w);
  y.sum().backward();
  expect(w.grad?.tolist()).toEqual([6]);
});

test("an index written to after it was used is noticed in backward", () => {
  const z = torch.ones(3).requiresGrad_();
  const index = long(0, 2);
  const y = z.at(index);
  index.add_(0);
  expect(() => y.sum().backward()).toThrow("modified by an inplace operation");
});

test("indexPut takes masks and nulls, adds with accumulate, and writes in place through views", () => {
  const y = x();
  y.indexPut_([null, long(1)], torch.tensor([[-1], [-2], [-3]]));
  expect(y.at(":", 1).tolist()).toEqual([-1, -2, -3]);
  expect(
    torch
      .zeros(2)
      .indexPut([long(0, 0)], torch.ones(2), true)
      .tolist(),
  ).toEqual([2, 0]);
  const base = x();
  base.t().indexPut_([long(0)], torch.tensor(9), false);
  expect(base.at(":", 0).tolist()).toEqual([9, 9, 9]);
  expect(base._version).toBe(1);
});
