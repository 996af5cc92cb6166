/** The contract of what makes tensors: by value, by chance, and without saying what is in them. */
import { describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { creation, draws, random } from "./samples/creation.ts";
import type { uninitialised } from "./samples/elsewhere.ts";

const tables = { ...creation, ...random, ...draws };
contract(entriesIn(tables), tables);

describe("memory as it is", () => {
  const like = torch.zeros(2, 3).t();
  const made: Record<(typeof uninitialised)[number], () => torch.Tensor> = {
    empty: () => torch.empty(3, 2, { dtype: "int16" }),
    emptyLike: () => torch.emptyLike(like, { dtype: "int16" }),
    emptyStrided: () => torch.emptyStrided([3, 2], [1, 3], { dtype: "int16" }),
    newEmpty: () => like.newEmpty(3, 2, { dtype: "int16" }),
    newEmptyStrided: () => like.newEmptyStrided([3, 2], [1, 3], { dtype: "int16" }),
  };

  test.each(Object.entries(made))("%s has the shape and dtype that were asked for", (_, make) => {
    const x = make();
    expect([x.shape.join(), x.dtype.name, x._version]).toEqual(["3,2", "int16", 0]);
  });

  test.each([
    ["emptyLike", made.emptyLike],
    ["emptyStrided", made.emptyStrided],
    ["newEmptyStrided", made.newEmptyStrided],
  ] as const)("%s has the strides of its model", (_, make) => {
    expect(make().stride()).toEqual([1, 3]);
  });
});

describe("memory that changes", () => {
  test("resize_ keeps the elements that both sizes have", () => {
    const x = torch.tensor([1, 2, 3, 4]);
    expect(x.resize_(2, 1)).toBe(x);
    expect(x.tolist()).toEqual([[1], [2]]);
    expect(x.resize_(6).tolist().slice(0, 4)).toEqual([1, 2, 3, 4]);
  });

  test("resizeAs_ takes the shape of its template", () => {
    const x = torch.tensor([1, 2, 3, 4]);
    expect(x.resizeAs_(torch.zeros(2, 2)).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test("set_ shares the storage of its source", () => {
    const source = torch.tensor([1, 2, 3]);
    const x = torch.zeros(5);
    expect(x.set_(source)).toBe(x);
    source.fill_(7);
    expect(x.tolist()).toEqual([7, 7, 7]);
  });
});
