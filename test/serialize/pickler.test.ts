/** What can be saved, how it comes back, and what is refused where. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { cpu, Device } from "../../src/core/device.ts";
import { bfloat16 } from "../../src/core/dtype.ts";
import { sizeOf } from "../../src/core/layout.ts";
import { StateDict } from "../../src/core/statedict.ts";
import { files, floats, PlainStorage, PlainTensor, viewOf } from "./plain-tensors.ts";

const roundTrip = <T>(value: T): T => files.deserialize(files.serialize(value)) as T;

test("an integral number is written as int, others and -0 as float", () => {
  const bytes = files.serialize([7, 300, -1, 2 ** 40, 0.5, -0]);
  expect(Buffer.from(bytes).toString("latin1")).toContain(
    "(K\x07M\x2c\x01J\xff\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01G\x3f\xe0\x00\x00\x00\x00\x00\x00G\x80\x00\x00\x00\x00\x00\x00\x00e.",
  );
});

test.each([
  0n,
  127n,
  128n,
  -128n,
  -129n,
  2n ** 63n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  2n ** 2039n - 1n,
  -(2n ** 2039n),
])("the int %s keeps its value", (value) => {
  expect(BigInt(roundTrip<bigint | number>(value))).toBe(value);
});

test("library values: Size, dtype and device", () => {
  const back = roundTrip([sizeOf([2, 3]), sizeOf([]), bfloat16, cpu, new Device("cuda", 1)]);
  expect(back.map(String)).toEqual(["torch.Size([2, 3])", "torch.Size([])", "torch.bfloat16", "cpu", "cuda:1"]);
  expect(back[2]).toBe(bfloat16);
});

test("bytes, sets, maps with any keys, and strings that are no Unicode", () => {
  const value = [
    Uint8Array.from({ length: 256 }, (_x, i) => i),
    new Uint8Array(0),
    new Set([1, "a", null]),
    new Set(),
    new Map<unknown, unknown>([
      [1, "x"],
      [null, 2],
      [true, 3],
      [2.5, 4],
    ]),
    "\ud800 and \udfff, 😀",
  ];
  expect(roundTrip(value)).toEqual(value);
});

test("an array as a key is a tuple in Python and an array again here", () => {
  const [[key, value]] = [...roundTrip(new Map([[[1, [2, 3]], "v"]]))] as [[unknown, string]];
  expect(key).toEqual([1, [2, 3]]);
  expect(value).toBe("v");
});

test("references are kept: twice the same object, and an object within itself", () => {
  const shared = { a: 1 };
  const list: unknown[] = [shared, shared];
  list.push(list);
  const back = roundTrip(list) as unknown[];
  expect(back[0]).toBe(back[1]);
  expect(back[2]).toBe(back);
});

test("a StateDict keeps order, class and metadata", () => {
  const state = new StateDict<unknown>([
    ["10", 1],
    ["9", 2],
  ]);
  state._metadata = new Map([["", { version: 2 }]]);
  const back = roundTrip(state);
  expect(back).toBeInstanceOf(StateDict);
  expect([...back]).toEqual([
    ["10", 1],
    ["9", 2],
  ]);
  expect(back._metadata?.get("")).toEqual({ version: 2 });
});

test("views share their storage after loading, with their own layout", () => {
  const base = floats([0, 1, 2, 3, 4, 5], [2, 3]);
  const [a, b, c] = roundTrip([base, viewOf(base, [3, 2], [1, 3], 0), viewOf(base, [5], [0], 4)]) as PlainTensor[];
  expect(b!.storage).toBe(a!.storage);
  expect(c!.storage).toBe(a!.storage);
  expect([b!.shape, b!.strides, c!.strides, c!.offset]).toEqual([[3, 2], [1, 3], [0], 4]);
  expect(a!.storage.bytes).toEqual(base.storage.bytes);
});

test("requiresGrad and Parameters are kept; the same Parameter is one object", () => {
  const parts = { ...floats([1, 2]), requiresGrad: true };
  const leaf = new PlainTensor(parts.storage, parts);
  const parameter = new PlainTensor(parts.storage, { ...parts, isParameter: true });
  const [a, b, c] = roundTrip([leaf, parameter, parameter]) as PlainTensor[];
  expect([a!.requiresGrad, a!.isParameter]).toEqual([true, false]);
  expect([b!.requiresGrad, b!.isParameter]).toEqual([true, true]);
  expect(c).toBe(b);
  expect(b!.storage).toBe(a!.storage);
});

test("two dtypes over one storage are refused with PyTorch's sentence", () => {
  const t = floats([1, 2]);
  const other = new PlainTensor(t.storage, { ...t, dtype: "int32" });
  expect(() => files.serialize([t, other])).toThrow(
    "Cannot save multiple tensors or storages that view the same data as different types",
  );
});

test("a tensor without elements, and one without dims", () => {
  const [none, scalar] = roundTrip([floats([], [0, 3]), floats([5], [])]) as PlainTensor[];
  expect([none!.shape, none!.storage.bytes.length, scalar!.shape]).toEqual([[0, 3], 0, []]);
});

class Schedule {}
const model = Object.assign(() => 0, { stateDict: () => new StateDict() });

test.each([
  [{ optimizer: { hook: function decay() {} } }, "Can't pickle the function decay at obj.optimizer.hook"],
  [[1, { "a b": new Schedule() }], 'Can\'t pickle an object of class Schedule at obj[1]["a b"]'],
  [new Map([[3, Symbol("s")]]), "Can't pickle a symbol at obj[3]"],
  [{ x: undefined }, "Can't pickle undefined (null is Python's None) at obj.x"],
  [{ when: new Date(0) }, "Can't pickle an object of class Date at obj.when"],
  [{ data: new Float32Array(2) }, "Can't pickle an object of class Float32Array at obj.data"],
  [
    { net: model },
    "Can't pickle a whole Function, whose class a file cannot hold; save its stateDict() instead at obj.net",
  ],
  [[2n ** 2039n], "Can't pickle an int of more than 255 bytes at obj[0]"],
  [new Set([{}]), "Can't pickle an object as a key (of class Object) at obj"],
  [{ [Symbol.iterator]: 1 }, "Can't pickle an object with symbols for keys at obj"],
])("%o is refused with its path", (value, message) => {
  expect(() => files.serialize(value)).toThrow(expect.objectContaining({ name: "PicklingError", message }));
});

test("values nested deeper than can be read again are refused", () => {
  const nest = (depth: number): unknown => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 1);
  expect(() => files.serialize(nest(1900))).not.toThrow();
  expect(() => files.serialize(nest(5000))).toThrow(/Can't pickle values nested deeper than 2000 levels/);
});

const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: false }),
    fc.integer(),
    fc.bigInt().map((n) => n * 2n ** 60n + (n < 0n ? -(2n ** 53n) : 2n ** 53n)),
    fc.string({ unit: "binary" }),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.uniqueArray(fc.tuple(fc.string(), tie("value")), { maxLength: 5, selector: ([key]) => key }).map(plainOrMap),
    fc.uniqueArray(fc.tuple(fc.integer(), tie("value")), { maxLength: 5, selector: ([key]) => key }).map(intMap),
    fc.uniqueArray(fc.integer()).map((members) => new Set(members)),
  ),
}));

function plainOrMap(entries: [string, unknown][]): unknown {
  if (entries.some(([key]) => /^(0|[1-9]\d*)$/.test(key))) return new Map(entries);
  const object = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}

function intMap(entries: [number, unknown][]): unknown {
  return entries.length === 0 ? new Set() : new Map(entries);
}

test("any value of plain data is what it was", () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      expect(roundTrip(value)).toStrictEqual(value);
    }),
  );
});

test("any layout over any storage is what it was", () => {
  const layout = fc.record({
    bytes: fc.uint8Array({ minLength: 64, maxLength: 256 }),
    dtype: fc.constantFrom("bool", "uint8", "int8", "int16", "int64", "bfloat16", "float64", "complex64"),
    shape: fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 3 }),
    strides: fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 })),
    offset: fc.integer({ min: 0, max: 1 }),
    requiresGrad: fc.boolean(),
    isParameter: fc.boolean(),
  });
  fc.assert(
    fc.property(layout, ({ bytes, strides, ...parts }) => {
      const storage = new PlainStorage(0);
      storage.bytes = bytes.slice(0, bytes.length - (bytes.length % 8));
      const tensor = new PlainTensor(storage, { ...parts, strides: strides.slice(0, parts.shape.length) });
      expect(roundTrip(tensor)).toEqual(tensor);
    }),
  );
});
