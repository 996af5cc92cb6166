import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as discrete from "../../src/core/discrete.ts";
import { bfloat16, bool, type DType, float16, float32, float64, int32, int64, uint8 } from "../../src/core/dtype.ts";
import { defaultGenerator, Generator } from "../../src/core/generator.ts";
import * as sampling from "../../src/core/sampling.ts";
import { record } from "../../src/core/warnings.ts";

/** Draws recorded from PyTorch 1.13.1 (`about` in the file says how). */
const recorded: {
  seeds: Record<string, { draws: Record<string, Draw>; sequences: Sequence[]; data: Record<string, unknown> }>;
  seed_mapping: Record<string, { "torch.rand(3)": Draw; initial_seed: string }>;
} = JSON.parse(readFileSync(new URL("../data/rng.json", import.meta.url), "utf8"));

interface Draw {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
  readonly first8?: readonly number[];
  readonly last8?: readonly number[];
}
interface Sequence {
  readonly name: string;
  readonly steps: readonly { expr: string; value: Draw }[];
}
type Numbers = ArrayLike<number | bigint>;
type Take = (g: Generator) => Numbers;

const reals = (n: number, dtype: DType): sampling.Reals =>
  dtype === float64 ? new Float64Array(n) : new Float32Array(n);
const rand =
  (n: number, dtype: DType = float32, from = 0, to = 1): Take =>
  (g) => {
    const out = reals(n, dtype);
    sampling.fillUniform(out, dtype, g, from, to);
    return out;
  };
const randn =
  (n: number, dtype: DType = float32, mean = 0, std = 1): Take =>
  (g) => {
    const out = reals(n, dtype);
    sampling.fillNormal(out, dtype, g, mean, std);
    return out;
  };
const randint =
  (n: number, from: number, to: number, dtype: DType = int64): Take =>
  (g) => {
    const out = dtype.isFloatingPoint ? reals(n, dtype) : new dtype.array(n);
    discrete.fillRandomBetween(out, dtype, g, BigInt(from), BigInt(to));
    return out;
  };
const random =
  (n: number, dtype: DType): Take =>
  (g) => {
    const out = dtype.isFloatingPoint ? reals(n, dtype) : new dtype.array(n);
    discrete.fillRandom(out, dtype, g);
    return out;
  };
const bernoulli =
  (n: number, p: number): Take =>
  (g) => {
    const out = new Float32Array(n);
    discrete.fillBernoulli(out, float32, g, p);
    return out;
  };
const bernoulliEach =
  (p: sampling.Reals): Take =>
  (g) => {
    const out = new Float32Array(p.length);
    discrete.fillBernoulliEach(out, float32, g, p);
    return out;
  };
const multinomial =
  (weights: number[], categories: number, samples: number, replacement = false): Take =>
  (g) =>
    discrete.multinomial(Float32Array.from(weights), float32, g, { categories, samples, replacement });
const filled =
  (n: number, dtype: DType, fill: (out: sampling.Reals, dtype: DType, g: Generator) => void): Take =>
  (g) => {
    const out = reals(n, dtype);
    fill(out, dtype, g);
    return out;
  };
const mapped =
  (take: Take, f: (x: number, i: number) => number): Take =>
  (g) =>
    Array.from(take(g), (x, i) => Math.fround(f(Number(x), i)));
const dropout = (n: number, p: number): Take => mapped(bernoulli(n, 1 - p), (x) => x / (1 - p));

const four = [0.1, 0.2, 0.3, 0.4];
const twoRows = [0, 10, 3, 0, 1, 1, 1, 1];
const third = new Float32Array(50).fill(0.3);

/** The recorded expressions that are draws and nothing else. */
const draws: Record<string, Take> = {
  ...Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`torch.rand(${i + 1})`, rand(i + 1)])),
  "torch.rand(3, 5)": rand(15),
  "torch.rand(1000)": rand(1000),
  ...Object.fromEntries([1, 5, 15, 16, 17, 31, 32, 100].map((n) => [`torch.randn(${n})`, randn(n)])),
  "torch.randn(2, 3)": randn(6),
  "torch.rand(10, dtype=torch.float64)": rand(10, float64),
  "torch.rand(5, dtype=torch.float16)": rand(5, float16),
  "torch.rand(5, dtype=torch.bfloat16)": rand(5, bfloat16),
  "torch.randint(0, 10, (20,))": randint(20, 0, 10),
  "torch.randint(0, 2**40, (5,))": randint(5, 0, 2 ** 40),
  "torch.randint(-5, 5, (10,), dtype=torch.int32)": randint(10, -5, 5, int32),
  "torch.randint(100, (3, 4))": randint(12, 0, 100),
  "torch.randint(0, 2**32, (5,))": randint(5, 0, 2 ** 32),
  "torch.randint(0, 2**32 - 1, (5,))": randint(5, 0, 2 ** 32 - 1),
  "torch.randint(0, 10, (6,), dtype=torch.float32)": randint(6, 0, 10, float32),
  "torch.randperm(1)": (g) => discrete.randperm(1, g),
  "torch.randperm(2)": (g) => discrete.randperm(2, g),
  "torch.randperm(10)": (g) => discrete.randperm(10, g),
  "torch.randperm(100)": (g) => discrete.randperm(100, g),
  "torch.randperm(10, dtype=torch.int32)": (g) => discrete.randperm(10, g),
  "torch.bernoulli(torch.full((50,), 0.3))": bernoulliEach(third),
  "torch.bernoulli(torch.full((50,), 0.3, dtype=torch.float64))": bernoulliEach(new Float64Array(50).fill(0.3)),
  "torch.empty(50).bernoulli_(0.3)": bernoulli(50, 0.3),
  "torch.bernoulli(torch.zeros(50), 0.3)": bernoulli(50, 0.3),
  "torch.empty(20).bernoulli_(torch.full((20,), 0.3))": bernoulliEach(third.subarray(0, 20)),
  "torch.bernoulli(torch.tensor([0.0, 1.0, 0.5, 0.25, 0.75]))": bernoulliEach(Float32Array.of(0, 1, 0.5, 0.25, 0.75)),
  "torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 2)": multinomial(four, 4, 2),
  "torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 4)": multinomial(four, 4, 4),
  "torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 10, replacement=True)": multinomial(four, 4, 10, true),
  "torch.multinomial(torch.tensor([[0.0, 10.0, 3.0, 0.0], [1.0, 1.0, 1.0, 1.0]]), 2)": multinomial(twoRows, 4, 2),
  "torch.multinomial(torch.tensor([[0.0, 10.0, 3.0, 0.0], [1.0, 1.0, 1.0, 1.0]]), 5, replacement=True)": multinomial(
    twoRows,
    4,
    5,
    true,
  ),
  "torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 1)": multinomial(four, 4, 1),
  "torch.empty(5).normal_(2.0, 3.0)": randn(5, float32, 2, 3),
  "torch.empty(20).normal_(2.0, 3.0)": randn(20, float32, 2, 3),
  "torch.normal(torch.arange(5.0), torch.arange(1.0, 6.0))": mapped(randn(5), (x, i) => Math.fround(x * (i + 1)) + i),
  "torch.normal(2.0, torch.arange(1.0, 6.0))": mapped(randn(5), (x, i) => Math.fround(x * (i + 1)) + 2),
  "torch.normal(torch.arange(20.0), 0.5)": mapped(randn(20, float32, 0, 0.5), (x, i) => x + i),
  "torch.normal(0.0, 1.0, (3, 2))": randn(6),
  "torch.empty(10).uniform_(-1, 1)": rand(10, float32, -1, 1),
  "torch.empty(10, dtype=torch.float64).uniform_(-1, 1)": rand(10, float64, -1, 1),
  "torch.empty(5).uniform_(3, 3)": rand(5, float32, 3, 3),
  "torch.empty(10).exponential_()": filled(10, float32, sampling.fillExponential),
  "torch.empty(10).exponential_(2.0)": filled(10, float32, (out, d, g) => sampling.fillExponential(out, d, g, 2)),
  "torch.empty(5).geometric_(0.3)": filled(5, float32, (out, d, g) => discrete.fillGeometric(out, d, g, 0.3)),
  "torch.empty(5).log_normal_()": filled(5, float32, sampling.fillLogNormal),
  "torch.empty(5).cauchy_()": filled(5, float32, sampling.fillCauchy),
  "torch.empty(5).random_()": random(5, float32),
  "torch.empty(5, dtype=torch.int64).random_()": random(5, int64),
  "torch.empty(8, dtype=torch.int64).random_(100)": randint(8, 0, 100),
  "torch.empty(8, dtype=torch.int64).random_(-3, 4)": randint(8, -3, 4),
  "torch.empty(8, dtype=torch.uint8).random_()": random(8, uint8),
  "torch.empty(8, dtype=torch.bool).random_()": random(8, bool),
  "torch.rand_like(torch.zeros(3))": rand(3),
  "torch.randn_like(torch.zeros(20))": randn(20),
  "torch.randint_like(torch.zeros(5), 10)": randint(5, 0, 10, float32),
  "torch.poisson(torch.tensor([0.5, 2.0, 20.0]))": filled(3, float32, (out, d, g) =>
    discrete.fillPoisson(out, d, g, Float32Array.of(0.5, 2, 20)),
  ),
  "F.dropout(torch.ones(40), 0.5)": dropout(40, 0.5),
  "F.dropout(torch.ones(40), 0.2)": dropout(40, 0.2),
  "F.dropout(torch.ones(4, 5), 0.5)": dropout(20, 0.5),
  "F.dropout(torch.ones(10, dtype=torch.float64), 0.5)": dropout(10, 0.5),
  "nn.init.uniform_(torch.empty(5), -2.0, 3.0)": rand(5, float32, -2, 3),
  "nn.init.normal_(torch.empty(5), 1.0, 0.1)": randn(5, float32, 1, 0.1),
  "nn.init.normal_(torch.empty(4, 6), 1.0, 0.1)": randn(24, float32, 1, 0.1),
  "nn.init.kaiming_uniform_(torch.empty(4, 6))": rand(24, float32, -1, 1),
};

/** float64 results of log, sin and cos, where two correct libraries differ in the last places. */
const float64Draws: Record<string, Take> = {
  "torch.randn(5, dtype=torch.float64)": randn(5, float64),
  "torch.randn(16, dtype=torch.float64)": randn(16, float64),
  "torch.randn(19, dtype=torch.float64)": randn(19, float64),
  "torch.empty(5, dtype=torch.float64).normal_()": randn(5, float64),
  "torch.empty(20, dtype=torch.float64).normal_()": randn(20, float64),
  "torch.empty(5, dtype=torch.float64).exponential_()": filled(5, float64, sampling.fillExponential),
};

/** The recorded values as the dtype holds them, in a plain list. */
function values(draw: Draw): (number | bigint)[] {
  if (draw.dtype === "int64") return draw.data.map(BigInt);
  return draw.data.map((x) => (draw.dtype === "float64" ? Number(x) : Math.fround(Number(x))));
}
const numbers = (got: Numbers, want: Draw): (number | bigint)[] =>
  Array.from(got, (x) => (want.dtype === "int64" ? BigInt(x) : Number(x)));

const ignoringWarnings = (fn: () => void): void => void record(fn);

const rows = (table: Record<string, Take>): [seed: number, expression: string, take: Take][] =>
  ["0", "1"].flatMap((seed) =>
    Object.entries(table).map(([e, take]): [number, string, Take] => [Number(seed), e, take]),
  );

test.each(rows(draws))("seed %i: %s is PyTorch's to the last bit", (seed, expression, take) => {
  const want = recorded.seeds[seed]!.draws[expression]!;
  expect(numbers(take(new Generator().manualSeed(seed)), want)).toEqual(values(want));
});

test.each(rows(float64Draws))("seed %i: %s is PyTorch's within 1e-14", (seed, expression, take) => {
  const want = values(recorded.seeds[seed]!.draws[expression]!).map(Number);
  const got = Array.from(take(new Generator().manualSeed(seed)), Number);
  expect(got).toHaveLength(want.length);
  const worst = Math.max(...got.map((x, i) => Math.abs(x / want[i]! - 1)));
  expect(worst).toBeLessThan(1e-14);
});

test("4096 normals begin and end as PyTorch's", () => {
  const want = recorded.seeds[0]!.draws["torch.randn(64, 64)"]!;
  const got = Array.from(randn(4096)(new Generator().manualSeed(0)), Number);
  expect(got.slice(0, 8)).toEqual(want.first8!.map(Math.fround));
  expect(got.slice(-8)).toEqual(want.last8!.map(Math.fround));
});

test("memory with gaps gets its normals one by one, however many", () => {
  const want = recorded.seeds[0]!.draws["torch.empty(2, 40)[:, ::2].normal_()"]!;
  const got = new Float32Array(40);
  sampling.fillNormalSerial(got, float32, new Generator().manualSeed(0));
  expect([...got]).toEqual(values(want));
});

test.each([
  ["rand and randn interleaved", [rand(3), randn(3), rand(2), randn(16), randn(1), rand(1)]],
  ["scalar normals keep a cached second value", [randn(1), randn(1), randn(2), rand(1), randn(1)]],
  [
    "mixed dtypes",
    [
      rand(2, float64),
      randint(3, 0, 10),
      rand(2),
      (g: Generator) => discrete.randperm(5, g),
      bernoulliEach(new Float32Array(5).fill(0.5)),
      rand(1),
    ],
  ],
  [
    "large draws (mt19937 state refill at 624 words)",
    [
      (g: Generator) => Array.from(rand(623)(g)).slice(-2),
      rand(3),
      (g: Generator) => Array.from(rand(700)(g)).slice(-2),
      rand(1),
    ],
  ],
  ["dropout", [dropout(8, 0.5), dropout(8, 0.5), rand(2)]],
  [
    "torch.Generator().manual_seed(seed); torch.rand(4, generator=g); torch.randn(3, generator=g); torch.randperm(6, generator=g)",
    [rand(4), randn(3), (g: Generator) => discrete.randperm(6, g)],
  ],
] as [string, Take[]][])("one generator goes on from draw to draw: %s", (name, takes) => {
  const { steps } = recorded.seeds[0]!.sequences.find((s) => s.name === name)!;
  const g = new Generator().manualSeed(0);
  const got = takes.map((take, i) => numbers(take(g), steps[i]!.value));
  expect(got).toEqual(steps.map((s) => values(s.value)));
});

test("a sampler's seed is one random_() of an int64, and its order a randperm", () => {
  const g = new Generator().manualSeed(0);
  const seed = random(1, int64)(g)[0]!;
  const order = discrete.randperm(10, new Generator().manualSeed(seed));
  expect([...order].map(Number)).toEqual(recorded.seeds[0]!.data["list(RandomSampler(range(10)))"]);
});

test.each(Object.entries(recorded.seed_mapping))("seed %s maps to 64 bits as PyTorch's", (seed, want) => {
  const g = new Generator().manualSeed(BigInt(seed));
  expect(String(g.initialSeed())).toBe(want.initial_seed);
  expect(numbers(rand(3)(g), want["torch.rand(3)"])).toEqual(values(want["torch.rand(3)"]));
});

test("a new generator starts from PyTorch's fixed seed, the default one from an unforeseen seed", () => {
  expect(new Generator().initialSeed()).toBe(67280421310721n);
  expect(defaultGenerator.initialSeed()).not.toBe(67280421310721n);
  const g = new Generator();
  expect(g.seed()).toBe(g.initialSeed());
});

test("seeds that are no 64-bit integers are refused in PyTorch's words", () => {
  const g = new Generator();
  expect(() => g.manualSeed(2n ** 64n)).toThrow("Overflow when unpacking long");
  expect(() => g.manualSeed(-(2n ** 63n) - 1n)).toThrow("Overflow when unpacking long");
  expect(() => g.manualSeed(1.5)).toThrow("manual_seed expected a long, but got float");
  expect(() => new Generator("meta")).toThrow("Device type META is not supported for torch.Generator() api.");
});

/** sha256 of bytes(torch.get_rng_state()) in PyTorch 1.13.1. */
test.each([
  ["manual_seed(0)", 0, 0, "1ccf17250133dec5e96478acd63e13d728d0dbbabb30389415a302c6f872f81f"],
  ["manual_seed(0); rand(5)", 0, 5, "1faa3ad719bc111cdf3fcbf3b78196eba12b4fb22485c3398368548cb6a52f9f"],
  ["manual_seed(-3)", -3, 0, "1560afda8fe69851de2963d14ba561e791c8815abbfaaf4194c6df4826e1db19"],
])("the state after %s is PyTorch's, byte for byte", (_, seed, n, hash) => {
  const g = new Generator().manualSeed(seed);
  rand(n)(g);
  expect(createHash("sha256").update(g.stateBytes()).digest("hex")).toBe(hash);
});

test("a state carries the cached normal and the place in the stream", () => {
  const g = new Generator().manualSeed(5);
  rand(700)(g);
  randn(3)(g);
  const state = g.stateBytes();
  const [normals, uniforms] = [Array.from(randn(3)(g)), Array.from(rand(700)(g))];
  const other = new Generator().setStateBytes(state);
  expect([Array.from(randn(3)(other)), Array.from(rand(700)(other))]).toEqual([normals, uniforms]);
  expect(other.initialSeed()).toBe(5n);
});

test("states of another size or of no generator are refused, and change nothing", () => {
  const g = new Generator().manualSeed(0);
  expect(() => g.setStateBytes(new Uint8Array(10))).toThrow(
    "Expected either a CPUGeneratorImplStateLegacy of size 5048 or a CPUGeneratorImplState of size 5056 but found the " +
      "input RNG state size to be 10",
  );
  expect(() => g.setStateBytes(new Uint8Array(5056))).toThrow("Invalid mt19937 state");
  expect(rand(1)(g)[0]).toBe(Math.fround(0.4962566));
});

/** The last three of 40 draws after torch.manual_seed(11), from PyTorch 1.13.1. */
test.each([
  [float16, -1, 3, [1.72265625, -0.52734375, 2.375]],
  [bfloat16, 0.1, 0.7, [0.3671875, 0.6640625, 0.546875]],
])("%s uniforms are scaled and rounded in that dtype", (dtype, from, to, want) => {
  const got = Array.from(rand(40, dtype, from, to)(new Generator().manualSeed(11)));
  expect(got.slice(-3)).toEqual(want);
});

/** The last three of 1000 draws after torch.manual_seed(11), from PyTorch 1.13.1. */
test.each([
  [float16, [2.0078125, 1.4033203125, 1.6845703125]],
  [bfloat16, [2.09375, 2.109375, 2.375]],
])("%s normals are rounded where PyTorch rounds them", (dtype, want) => {
  const got = Array.from(randn(1000, dtype, 2, 0.3)(new Generator().manualSeed(11)), Number);
  expect(got.slice(-3)).toEqual(want);
});

/** The first three after torch.manual_seed(11), from PyTorch 1.13.1. */
test.each([
  [float32, -(2n ** 40n), 2n ** 40n + 12345n, [638755143680, -755076104192, 300756402176]],
  [int64, 2n ** 60n, 2n ** 60n + 99n, [1152921504606847048n, 1152921504606847045n, 1152921504606847000n]],
  [float16, 0n, 60000n, [5592, 12224, 50112]],
  [float64, 0n, null, [1732388237118798, 7974004776967220, 6048762190466051]],
  [int64, -(2n ** 63n), null, [3325388913236545215n, 359254775711865947n, 8544873655684927415n]],
  [uint8, 5n, null, [25, 107, 26]],
])("%s.random_(%s, %s) is PyTorch's", (dtype, from, to, want) => {
  const out = dtype.isFloatingPoint ? reals(3, dtype) : new dtype.array(3);
  ignoringWarnings(() => discrete.fillRandomBetween(out, dtype, new Generator().manualSeed(11), from, to));
  expect([...out]).toEqual(want);
});

test("ranges that a dtype cannot hold are refused in PyTorch's words", () => {
  const g = new Generator();
  expect(() => randint(1, 0, 300, uint8)(g)).toThrow("to - 1 is out of bounds for unsigned char");
  expect(() => randint(1, 0, 3, bool)(g)).toThrow("to - 1 is out of bounds for bool");
  expect(() => randint(1, -(2 ** 40), 3, int32)(g)).toThrow("from is out of bounds for int");
  expect(() => randint(1, 0, 2 ** 17, float16)(g)).toThrow("to - 1 is out of bounds for c10::Half");
  expect(() => randint(1, 5, 5)(g)).toThrow("random_ expects 'from' to be less than 'to', but got from=5 >= to=5");
  expect(() => randint(1, 2 ** 30 + 1, 2 ** 30 + 2, float32)(g)).toThrow(
    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=1073741952 >= to=1073741826",
  );
});

test("a range beyond a float dtype's exact integers warns", () => {
  const warnings = record(() => randint(2, 0, 1000, bfloat16)(new Generator()));
  expect(warnings.map((w) => w.message)).toEqual([
    "to - 1 is out of bounds [-(2^8), 2^8]. Due to precision limitations c10::BFloat16 can support discrete uniform " +
      "distribution only within this range. This warning will become an error in version 1.7 release, please fix the " +
      "code in advance",
  ]);
});

test("distributions refuse parameters in PyTorch's words", () => {
  const g = new Generator();
  const out = new Float32Array(2);
  expect(() => sampling.fillNormal(out, float32, g, 0, -1)).toThrow("normal expects std >= 0.0, but found std -1");
  expect(() => sampling.fillUniform(out, float32, g, 3, 1)).toThrow(
    "uniform_ expects to return a [from, to) range, but found from=3 > to=1",
  );
  expect(() => sampling.fillUniform(out, float16, g, 0, 70000)).toThrow("to is out of bounds for c10::Half");
  expect(() => sampling.fillExponential(out, int64, g)).toThrow("\"exponential_cpu\" not implemented for 'Long'");
  expect(() => discrete.fillGeometric(out, float32, g, 1)).toThrow("geometric_ expects p to be in (0, 1), but got p=1");
  expect(() => discrete.fillBernoulli(out, float32, g, 2)).toThrow("bernoulli_ expects p to be in [0, 1], but got p=2");
  expect(() => multinomial([1, -2], 2, 1)(g)).toThrow("probability tensor contains either `inf`, `nan` or element < 0");
  expect(() => multinomial([0, 0], 2, 2, true)(g)).toThrow(
    "invalid multinomial distribution (sum of probabilities <= 0)",
  );
  expect(() => multinomial([1, 2], 2, 3)(g)).toThrow(
    "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
  );
});

test("the shuffle of very long permutations takes 64 bits an element and permutes", () => {
  const g = new Generator().manualSeed(0);
  const out = new BigInt64Array(9);
  discrete.shuffleInsideOut(out, g);
  expect([...out].sort()).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
  const twin = new Generator().manualSeed(0);
  for (let i = 0; i < 18; i++) twin.random32();
  expect(g.random32()).toBe(twin.random32());
});
