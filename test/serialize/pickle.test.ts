/** The pickle machine: what CPython wrote under every protocol, and what nobody should have written. */
import { expect, test } from "vitest";
import { StateDict } from "../../src/core/statedict.ts";
import type { PickledObject } from "../../src/serialize/python.ts";
import { archiveOf, pickleOf, unpickle } from "./pickles.ts";
import { files } from "./plain-tensors.ts";

/** `pickle.dumps(value, protocol)` of CPython 3.11 for protocols 0 to 5. */
const recorded = [
  "286470300a566e6f6e650a70310a4e7356666c6167730a70320a286c70330a4930310a614930300a617356696e74730a70340a286c70350a49300a61493235350a61493235360a614936353533360a61492d310a614c323134373438333634384c0a614c393030373139393235343734303939324c0a614c2d313138303539313632303731373431313330333432344c0a617356666c6f6174730a70360a286c70370a46312e350a61462d302e300a6146696e660a617356746578740a70380a5668e96c6c6f205c5530303031663630305c75303030615c75303035630a70390a735662797465730a7031300a635f636f646563730a656e636f64650a7031310a28565c7530303030ff800a7031320a566c6174696e310a7031330a747031340a527031350a73567475706c650a7031360a2849310a2849320a49330a49340a49350a747031370a2874747031380a73566e65737465640a7031390a28647032300a56610a7032310a28647032320a49310a56780a7032330a7356620a7032340a4e737373567365740a7032350a635f5f6275696c74696e5f5f0a7365740a7032360a28286c7032370a49370a61747032380a527032390a732e",
  "7d71002858040000006e6f6e6571014e5805000000666c61677371025d7103284930310a4930300a655804000000696e747371045d7105284b004bff4d00014a000001004affffffff4c323134373438333634384c0a4c393030373139393235343734303939324c0a4c2d313138303539313632303731373431313330333432344c0a655806000000666c6f61747371065d710728473ff8000000000000478000000000000000477ff0000000000000655804000000746578747108580d00000068c3a96c6c6f20f09f98800a5c710958050000006279746573710a635f636f646563730a656e636f64650a710b28580500000000c3bfc280710c58060000006c6174696e31710d74710e52710f58050000007475706c657110284b01284b024b034b044b057471112974711258060000006e657374656471137d711458010000006171157d7116284b01580100000078711758010000006271184e757358030000007365747119635f5f6275696c74696e5f5f0a7365740a711a285d711b4b076174711c52711d752e",
  "80027d71002858040000006e6f6e6571014e5805000000666c61677371025d7103288889655804000000696e747371045d7105284b004bff4d00014a000001004affffffff8a0500000080008a07000000000000208a090000000000000000c0655806000000666c6f61747371065d710728473ff8000000000000478000000000000000477ff0000000000000655804000000746578747108580d00000068c3a96c6c6f20f09f98800a5c710958050000006279746573710a635f636f646563730a656e636f64650a710b580500000000c3bfc280710c58060000006c6174696e31710d86710e52710f58050000007475706c6571104b01284b024b034b044b0574711129877112580600" +
    "00006e657374656471137d711458010000006171157d7116284b01580100000078711758010000006271184e757358030000007365747119635f5f6275696c74696e5f5f0a7365740a711a5d711b4b076185711c52711d752e",
  "80037d71002858040000006e6f6e6571014e5805000000666c61677371025d7103288889655804000000696e747371045d7105284b004bff4d00014a000001004affffffff8a0500000080008a07000000000000208a090000000000000000c0655806000000666c6f61747371065d710728473ff8000000000000478000000000000000477ff0000000000000655804000000746578747108580d00000068c3a96c6c6f20f09f98800a5c710958050000006279746573710a430300ff80710b58050000007475706c65710c4b01284b024b034b044b0574710d2987710e58060000006e6573746564710f7d711058010000006171117d7112284b01580100000078711358010000006271144e757358030000007365747115636275696c74696e730a7365740a71165d71174b0761857118527119752e",
  "800495e2000000000000007d94288c046e6f6e65944e8c05666c616773945d94288889658c04696e7473945d94284b004bff4d00014a000001004affffffff8a0500000080008a07000000000000208a090000000000000000c0658c06666c6f617473945d9428473ff8000000000000478000000000000000477ff0000000000000658c0474657874948c0d68c3a96c6c6f20f09f98800a5c948c05627974657394430300ff80948c057475706c65944b01284b024b034b044b0574942987948c066e6573746564947d948c0161947d94284b018c0178948c0162944e75738c03736574948f94284b0790752e",
  "800595e2000000000000007d94288c046e6f6e65944e8c05666c616773945d94288889658c04696e7473945d94284b004bff4d00014a000001004affffffff8a0500000080008a07000000000000208a090000000000000000c0658c06666c6f617473945d9428473ff8000000000000478000000000000000477ff0000000000000658c0474657874948c0d68c3a96c6c6f20f09f98800a5c948c05627974657394430300ff80948c057475706c65944b01284b024b034b044b0574942987948c066e6573746564947d948c0161947d94284b018c0178948c0162944e75738c03736574948f94284b0790752e",
];

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

test.each([0, 1, 2, 3, 4, 5])("protocol %i gives Python's values as API.md maps them", (protocol) => {
  const value = unpickle(fromHex(recorded[protocol]!)) as Record<string, unknown>;
  expect(Object.getPrototypeOf(value)).toBe(null);
  expect({ ...value }).toEqual({
    none: null,
    flags: [true, false],
    ints: [0, 255, 256, 65536, -1, 2 ** 31, 2n ** 53n, -(2n ** 70n)],
    floats: [1.5, -0, Infinity],
    text: "héllo 😀\n\\",
    bytes: Uint8Array.of(0, 255, 128),
    tuple: [1, [2, 3, 4, 5], []],
    nested: {
      a: new Map<unknown, unknown>([
        [1, "x"],
        ["b", null],
      ]),
    },
    set: new Set([7]),
  });
});

test.each([
  "8005953e000000000000005d9428960200000000000000616294284b0391948c0b636f6c6c656374696f6e73948c0b4f726465726564446963749493942952948c0161944b0173652e",
  "80025d710028635f5f6275696c74696e5f5f0a6279746561727261790a7101635f636f646563730a656e636f64650a710258020000006162710358060000006c6174696e317104867105527106857107527108635f5f6275696c74696e5f5f0a66726f7a656e7365740a71095d710a4b036185710b52710c63636f6c6c656374696f6e730a4f726465726564446963740a710d2952710e580100000061710f4b0173652e",
])("bytearray, frozenset and OrderedDict", (hex) => {
  const [bytes, set, dict] = unpickle(fromHex(hex)) as unknown[];
  expect(bytes).toEqual(Uint8Array.of(97, 98));
  expect(set).toEqual(new Set([3]));
  expect(dict).toBeInstanceOf(StateDict);
  expect([...(dict as StateDict<number>)]).toEqual([["a", 1]]);
});

test("a list and a dict that contain themselves", () => {
  const [list, dict] = unpickle(fromHex("80025d7100285d7101284b016801657d710258020000006d657103680273652e")) as [
    unknown[],
    Record<string, unknown>,
  ];
  expect(list[1]).toBe(list);
  expect(dict.me).toBe(dict);
});

test("a lone surrogate, as Python's surrogatepass writes it", () => {
  expect(unpickle(fromHex("80025805000000" + "61eda08062" + "71002e"))).toBe("a\ud800b");
});

test("Python 2's quoted strings, longs and booleans", () => {
  const text = "(lp0\nS'it\\'s\\x41\\n'\np1\naI01\naL5L\naF2.5\na.";
  expect(unpickle(pickleOf(text))).toEqual(["it'sA\n", true, 5, 2.5]);
});

test("a dict with integer-like keys is a Map, so that their order stays", () => {
  const value = unpickle(pickleOf("}(U\x012K\x01U\x011K\x02u."));
  expect(value).toEqual(
    new Map([
      ["2", 1],
      ["1", 2],
    ]),
  );
});

test("keys that mean something in JavaScript stay plain keys", () => {
  const value = unpickle(pickleOf("}(U\x09__proto__}U\x08pollutedNsU\x0bconstructorK\x01u.")) as Record<
    string,
    unknown
  >;
  expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
  expect(Object.getPrototypeOf(value)).toBe(null);
  expect("polluted" in {}).toBe(false);
});

test("torch.Size, dtype and device come back as ours", () => {
  const pickle = pickleOf("](ctorch\nSize\n(K\x02K\x03t\x85Rctorch\nfloat16\nctorch\ndevice\nU\x04cudaK\x01\x86Re.");
  expect((unpickle(pickle) as unknown[]).map(String)).toEqual(["torch.Size([2, 3])", "torch.float16", "cuda:1"]);
});

test.each([
  ["an empty pickle", "", /truncated/],
  ["no STOP", "N", /truncated/],
  ["STOP with nothing on the stack", ".", /the stack is empty/],
  ["an instruction that does not exist", "\xff.", /unsupported pickle instruction 0xff/],
  ["an extension code", "\x82\x01.", /unsupported pickle instruction 0x82/],
  ["a protocol of the future", "\x80\x06N.", /unsupported pickle protocol: 6/],
  ["a memo that was never filled", "h\x07.", /Memo value not found at index 7/],
  ["a string longer than the file", "X\xff\xff\xff\x7fa.", /expected 2147483647 more bytes, found 2/],
  ["bytes longer than the file", "\x8e\xff\xff\xff\xff\xff\xff\xff\xffa.", /truncated/],
  ["a negative length", "T\xff\xff\xff\xff.", /truncated/],
  ["an int longer than the file", "\x8b\x00\x00\x01\x00.", /truncated/],
  ["an int of a gigabyte", "\x8b\x00\x00\x00\x40.", /at most 1048576/],
  ["an int of ten thousand digits", `L${"9".repeat(10000)}L\n.`, /more than 4300 digits/],
  ["an int that is none", "I1x\n.", /expected an int, found "1x"/],
  ["a float that is none", "Fabc\n.", /expected a float, found "abc"/],
  ["a string without quotes", "Sabc\n.", /without its quotes/],
  ["a string that is not UTF-8", "U\x01\xff.", /not UTF-8/],
  ["a tuple of more than there is", "N\x86.", /the stack is empty/],
  ["items without a mark", "}NNu.", /no mark/],
  ["an odd number of dict items", "}(NNNu.", /a dict key without its value/],
  ["items for a number", "K\x01NNs.", /no dict/],
  ["an append to a dict", "}Na.", /no list/],
  ["an append to a torch.Size", "ctorch\nSize\n)\x85RK\x01a.", /no list/],
  ["members for a list", "](N\x90.", /no set/],
  ["a dict as a key", "}}Ns.", /not hashable/],
  ["a call of a number", "K\x01)R.", /cannot be called/],
  ["a call of a dtype", "ctorch\nfloat32\n)R.", /cannot be called/],
  ["a call of a string from the memo", "U\x02osq\x00)R.", /cannot be called/],
  ["attributes for a dict", "}}b.", /attributes for an object that has none/],
  [
    "another attribute of an OrderedDict",
    "ccollections\nOrderedDict\n)R}U\x01xNsb.",
    /the attribute "x" of an OrderedDict/,
  ],
  ["an argument list that is none", "ccollections\nOrderedDict\nNR.", /cannot be called/],
  ["a size with a string", "ctorch\nSize\n(U\x01at\x85R.", /torch\.Size: bad arguments/],
  ["a negative size", "ctorch\nSize\n(J\xff\xff\xff\xfft\x85R.", /torch\.Size: bad arguments/],
  ["a persistent id that is a number", "K\x01Q.", /persistent id that is no storage/],
  ["a text persistent id", "Phello\n.", /persistent id that is no storage/],
  ["another module's global", "cbuiltins\neval\n(U\x011tR.", /GLOBAL builtins\.eval was not an allowed/],
  ["a global by STACK_GLOBAL", "U\x02osU\x06system\x93.", /GLOBAL os\.system was not an allowed/],
  ["a global by INST", "(ios\nsystem\n.", /GLOBAL os\.system was not an allowed/],
  ["a name of our own prototypes", "ctorch\nconstructor\n.", /GLOBAL torch\.constructor was not an allowed/],
  ["a global with a dotted name", "ctorch\nSize.__class__\n.", /GLOBAL torch\.Size\.__class__ was not an allowed/],
])("%s is refused", (_what, text, message) => {
  const load = (): unknown => unpickle(pickleOf(text));
  expect(load).toThrow(message);
  expect(load).toThrow(expect.objectContaining({ name: "UnpicklingError" }));
});

test.each([
  ["a class", "ccollections\nOrderedDict\n.", "collections.OrderedDict"],
  ["a storage class", "ctorch\nFloatStorage\n.", "torch.FloatStorage"],
  ["a dtype that is not here", "ctorch\nfloat8_e4m3fn\n.", "torch.float8_e4m3fn"],
  ["a layout that is not here", "ctorch.serialization\n_get_layout\n(U\x10torch.sparse_cootR.", "torch.sparse_coo"],
])("%s as a value is an opaque name", (_what, text, name) => {
  const value = unpickle(pickleOf(text)) as PickledObject;
  expect([value.module, value.name].join(".")).toBe(name);
  expect(value.args).toBe(null);
});

test("nesting beyond Python's own reach is refused, without a stack overflow", () => {
  expect(() => unpickle(pickleOf("]".repeat(3000), "a".repeat(2999), "."))).toThrow(/nested deeper than 2000 levels/);
  expect(() => unpickle(pickleOf("]".repeat(1000), "a".repeat(999), "."))).not.toThrow();
});

test("many marks and tuples do not overflow", () => {
  expect(() => unpickle(pickleOf("(".repeat(100_000), "."))).toThrow(/the stack is empty/);
  const doubled = pickleOf("K\x01", "2\x86".repeat(50), ".");
  expect(() => unpickle(doubled)).not.toThrow();
});

const storage = (key: string, numel: number): string =>
  `(U\x07storagectorch\nFloatStorage\nU${String.fromCharCode(key.length)}${key}U\x03cpuK${String.fromCharCode(numel)}tQ`;
const tensor = (stored: string, offset: string, size: string, stride: string): Uint8Array =>
  pickleOf(
    "ctorch._utils\n_rebuild_tensor_v2\n(",
    stored,
    offset,
    size,
    stride,
    "\x89ccollections\nOrderedDict\n)RtR.",
  );
const fourFloats = { "data/0": new Uint8Array(16) };

test.each([
  ["an offset beyond the storage", "K\x01", "K\x04\x85", "K\x01\x85", /needs 5 elements, but its storage has 4/],
  ["a stride beyond the storage", "K\x00", "K\x02\x85", "K\x04\x85", /needs 5 elements, but its storage has 4/],
  ["sizes without strides", "K\x00", "K\x04\x85", ")", /sizes and strides of different length/],
  ["a negative stride", "K\x00", "K\x02\x85", "J\xff\xff\xff\xff\x85", /bad arguments/],
  ["a size that is no number", "K\x00", "N\x85", "K\x01\x85", /bad arguments/],
  ["more elements than can be counted", "K\x00", "J\xff\xff\xff\x7f2\x86", "K\x002\x86", /too many elements/],
])("a tensor with %s is refused", (_what, offset, size, stride, message) => {
  const pickle = tensor(storage("0", 4), offset, size, stride);
  expect(() => files.deserialize(archiveOf(pickle, fourFloats))).toThrow(message);
});

test("a storage of another size than its entry is refused before anything is allocated", () => {
  const pickle = tensor(storage("0", 200), "K\x00", "K\x04\x85", "K\x01\x85");
  expect(() => files.deserialize(archiveOf(pickle, fourFloats))).toThrow(
    /entry archive\/data\/0 at offset \d+: expected 800 bytes, found 16/,
  );
});

test("a storage that the archive has not is refused by its name", () => {
  const pickle = tensor(storage("7", 4), "K\x00", "K\x04\x85", "K\x01\x85");
  expect(() => files.deserialize(archiveOf(pickle, fourFloats))).toThrow(/no entry archive\/data\/7/);
});
