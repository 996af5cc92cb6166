import { expect, test } from "vitest";
import { repr, reprFloat, reprMethod } from "../../src/core/repr.ts";

test.each<[unknown, string]>([
  [null, "None"],
  [undefined, "None"],
  [true, "True"],
  [3, "3"],
  [-0, "-0.0"],
  [0.1, "0.1"],
  [1e-5, "1e-05"],
  [0.0001, "0.0001"],
  [1.5e300, "1.5e+300"],
  [2 ** 60, "1.152921504606847e+18"],
  [Number.POSITIVE_INFINITY, "inf"],
  [Number.NaN, "nan"],
  [12345678901234567890n, "12345678901234567890"],
  [[1, 2], "[1, 2]"],
  [[], "[]"],
  [
    new Map<unknown, unknown>([
      [0, "a"],
      ["b", [null]],
    ]),
    "{0: 'a', 'b': [None]}",
  ],
  [
    { lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, foreach: null },
    "{'lr': 0.001, 'betas': [0.9, 0.999], 'eps': 1e-08, 'foreach': None}",
  ],
  [
    { state: {}, param_groups: [{ lr: 0.1, nesterov: false, params: [0, 1] }] },
    "{'state': {}, 'param_groups': [{'lr': 0.1, 'nesterov': False, 'params': [0, 1]}]}",
  ],
  [new Set([1, 2]), "{1, 2}"],
  [new Set(), "set()"],
  [Uint8Array.of(0, 9, 10, 39, 65, 92, 127, 255), 'b"\\x00\\t\\n\'A\\\\\\x7f\\xff"'],
  [new (class Net {})(), "<Net object>"],
])("repr(%o) is as in Python", (value, want) => {
  expect(repr(value)).toBe(want);
});

/** Python 3.11. */
test.each([
  ["", "''"],
  ["it's", '"it\'s"'],
  ['say "x"', "'say \"x\"'"],
  ["both ' and \"", "'both \\' and \"'"],
  ["a\\b\n\r\t\0\x7f", "'a\\\\b\\n\\r\\t\\x00\\x7f'"],
  ["é日本😀", "'é日本😀'"],
  ["\u00a0\u200b\u2028", "'\\xa0\\u200b\\u2028'"],
  ["\ud800x", "'\\ud800x'"],
  ["\u{e0001}", "'\\U000e0001'"],
])("the string %o is quoted as in Python", (text, want) => {
  expect(repr(text)).toBe(want);
});

/** Python 3.11. */
test.each([
  [1, "1.0"],
  [0, "0.0"],
  [1e15, "1000000000000000.0"],
  [1e16, "1e+16"],
  [123456789012345680000, "1.2345678901234568e+20"],
  [0.00012, "0.00012"],
  [0.00001234, "1.234e-05"],
])("the float %d is written as in Python", (x, want) => {
  expect(reprFloat(x)).toBe(want);
});

test("an object that describes itself is asked", () => {
  const size = { [reprMethod]: () => "torch.Size([2, 3])" };
  expect(repr([size, { at: size }])).toBe("[torch.Size([2, 3]), {'at': torch.Size([2, 3])}]");
});

test("a container inside itself is cut short, twice in a row is not", () => {
  const list: unknown[] = [1];
  list.push(list);
  const map = new Map<unknown, unknown>([["self", null]]);
  map.set("self", map);
  const shared = [0];
  expect(repr([list, map, shared, shared])).toBe("[[1, [...]], {'self': {...}}, [0], [0]]");
});
