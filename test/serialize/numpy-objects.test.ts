/** NumPy's numbers and arrays in checkpoints. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { expected, moreBytes } from "./more.ts";
import { archiveOf, pickleOf } from "./pickles.ts";

const { PickledObject } = torch.serialization;

interface Content {
  numbers: Record<string, unknown>;
  arrays: Record<string, torch.Tensor>;
  other: Record<string, InstanceType<typeof PickledObject>>;
  dtype: InstanceType<typeof PickledObject>;
}

/** The same pickle under the module names that NumPy has since version 2. */
function renamed(file: string): Uint8Array {
  const zip = new ZipReader(bytesSource(moreBytes(file), file));
  const name = [...zip.entries.keys()].find((entry) => entry.endsWith("data.pkl"))!;
  const text = Buffer.from(zip.read(name)).toString("latin1").replaceAll("cnumpy.core.", "cnumpy._core.");
  expect(text).toContain("numpy._core.multiarray");
  return archiveOf(pickleOf(text));
}

const sources: [string, Uint8Array][] = [
  ["numpy.pt", moreBytes("numpy.pt")],
  ["numpy_protocol_4.pt", moreBytes("numpy_protocol_4.pt")],
  ["numpy.pt of NumPy 2", renamed("numpy.pt")],
];

test.each(sources)("%s: numbers are plain, arrays are tensors with their strides", (_name, bytes) => {
  const { numbers, arrays } = torch.deserialize(bytes, { weightsOnly: false }) as Content;
  const { bytes: raw, count, wide, small, byte, ...rest } = numbers;
  expect(raw).toEqual(Uint8Array.of(97, 98));
  expect([count, wide, small, byte].map(String)).toEqual(
    ["count", "wide", "small", "byte"].map((name) => expected.numbers[name]),
  );
  const { count: _c, wide: _w, small: _s, byte: _b, ...others } = expected.numbers;
  expect({ ...rest }).toEqual(others);
  for (const [name, tensor] of Object.entries(arrays)) {
    const { dtype, shape, data } = expected.arrays[name]!;
    const flat = tensor.reshape(-1);
    const found = flat.dtype === torch.int64 ? flat.tolist({ bigint: true }) : flat.tolist();
    expect([tensor.dtype.name, [...tensor.shape]], name).toEqual([dtype, shape]);
    expect(
      (found as unknown[]).map((x) => (typeof x === "bigint" ? String(x) : x)),
      name,
    ).toEqual(data.map((x) => (x === "inf" ? Number.POSITIVE_INFINITY : x)));
  }
  expect(arrays.fortran!.stride()).toEqual([1, 2]);
  expect(arrays.cube!.stride()).toEqual([1, 2, 6]);
});

test.each(sources)("%s: what has no counterpart stays an opaque tree", (_name, bytes) => {
  const { other, dtype } = torch.deserialize(bytes, { weightsOnly: false }) as Content;
  expect([dtype.module, dtype.name, dtype.args![0]]).toEqual(["numpy", "dtype", "f4"]);
  expect(other.object!.name).toBe("_reconstruct");
  expect((other.object!.state as unknown[]).at(-1)).toEqual([null, { k: [1] }]);
  expect([other.text!.name, other.date!.name]).toEqual(["_reconstruct", "scalar"]);
});

test("with weightsOnly they are refused by name, as in PyTorch", () => {
  expect(() => torch.deserialize(moreBytes("numpy.pt"))).toThrow(
    /Unsupported global: GLOBAL numpy\.core\.multiarray\.scalar was not an allowed global/,
  );
});

test("opened, arrays are among the tensors", async () => {
  using file = await torch.serialization.open(moreBytes("numpy.pt"), { weightsOnly: false });
  expect(file.keys()).toContain("arrays.cube");
  expect((await file.tensor("arrays.c")).tolist()).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
});

const dtype = "cnumpy\ndtype\n(U\x02f4\x89\x88tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb";
test.each([
  ["a number of too few bytes", `cnumpy.core.multiarray\nscalar\n(${dtype}C\x03abctR.`, /expected 4 bytes, found 3/],
  ["a number without a dtype", "cnumpy.core.multiarray\nscalar\n(NC\x03abctR.", /a number without a dtype/],
  ["a dtype without a code", "cnumpy\ndtype\n(NtR.", /a dtype without its code/],
  [
    "an array of another size",
    `cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x02\x85${dtype}\x89C\x04abcdtb.`,
    /an array of shape \(2\) and dtype f4: expected 8 bytes, found 4/,
  ],
  [
    "an array of a negative size",
    `cnumpy.core.multiarray\n_reconstruct\n)R(K\x01J\xff\xff\xff\xff\x85${dtype}\x89C\x04abcdtb.`,
    /an array without its shape/,
  ],
])("%s is refused", (_what, text, message) => {
  const load = (): unknown => torch.deserialize(archiveOf(pickleOf(text)), { weightsOnly: false });
  expect(load).toThrow(message);
  expect(load).toThrow(torch.UnpicklingError);
});
