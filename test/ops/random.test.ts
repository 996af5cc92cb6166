/** Random operators: PyTorch's draws through the public face, their refusals, and their place in autograd. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { camelCase } from "../oracle/names.ts";
import { differences, type Stored } from "../oracle/recorded.ts";

interface Sequence {
  readonly name: string;
  readonly steps: readonly { readonly expr: string; readonly value: Stored }[];
}

const recorded: {
  seeds: Record<string, { draws: Record<string, Stored>; sequences: Sequence[] }>;
  seed_mapping: Record<string, { "torch.rand(3)": Stored; initial_seed: string }>;
} = JSON.parse(readFileSync(new URL("../data/rng.json", import.meta.url), "utf8"));

/** A recorded Python expression as JavaScript: tuples, keywords, names and slices. */
function translated(python: string): string {
  return python
    .replace(/torch\.arange\(([\d., ]+)\)/g, "torch.arange($1, dtype='float32')")
    .replace(/\(((?:\d+, )*\d+),\)/g, "[$1]")
    .replace(/([(,] ?)\((\d+(?:, \d+)+)\)/g, "$1[$2]")
    .replace(/((?:\w+=[^,()]+(?:, )?)+)\)/g, (_, keywords: string) => `{ ${keywords.replace(/(\w+)=/g, "$1: ")} })`)
    .replace(/\[:, ::2\]/g, ".at(':', '::2')")
    .replace(/\[(-\d+:)\]/g, ".at('$1')")
    .replace(/\bTrue\b/g, "true")
    .replace(/\b[a-z]+(_[a-z0-9]+)+_?/g, camelCase);
}

const evaluate = (python: string, g?: torch.Generator): unknown =>
  new Function("torch", "g", `return ${translated(python)}`)(torch, g);

/** Normal draws of sixteen or more went through vector code that differs by up to 2.3e-6. */
const tolerance = { rtol: 1e-6, atol: 3e-6 };
const isWhole = (want: Stored): boolean => typeof want === "object" && want !== null && "data" in want;
const draws = Object.entries(recorded.seeds).flatMap(([seed, { draws }]) =>
  Object.entries(draws)
    .filter(([expr, want]) => expr.startsWith("torch.") && isWhole(want))
    .map(([expr, want]) => [expr, Number(seed), want] as const),
);

test.each(draws)("%s after manualSeed(%i) is PyTorch's", (expr, seed, want) => {
  torch.manualSeed(seed);
  expect(differences(want, evaluate(expr), tolerance)).toEqual([]);
});

test.each(
  Object.entries(recorded.seeds),
)("torch.randn(64, 64) after manualSeed(%s) begins and ends as PyTorch's", (seed, { draws }) => {
  const want = draws["torch.randn(64, 64)"] as unknown as { first8: number[]; last8: number[] };
  torch.manualSeed(Number(seed));
  const got = torch.randn(64, 64).flatten();
  expect(got.at(":8").allclose(torch.tensor(want.first8), 0, 3e-6)).toBe(true);
  expect(got.at("-8:").allclose(torch.tensor(want.last8), 0, 3e-6)).toBe(true);
});

const sequences = Object.entries(recorded.seeds).flatMap(([seed, { sequences }]) =>
  sequences
    .filter(({ steps }) => steps.every(({ expr }) => expr.startsWith("torch.")))
    .map(({ name, steps }) => [name, Number(seed), steps] as const),
);

test.each(sequences)("draws go on from one to the next: %s, seed %i", (_, seed, steps) => {
  torch.manualSeed(seed);
  expect(steps.flatMap(({ expr, value }) => differences(value, evaluate(expr), tolerance))).toEqual([]);
});

test.each(Object.entries(recorded.seed_mapping))("manualSeed(%s) maps to 64 bits as PyTorch's", (seed, want) => {
  expect(torch.manualSeed(BigInt(seed))).toBe(torch.defaultGenerator);
  expect(String(torch.initialSeed())).toBe(want.initial_seed);
  expect(differences(want["torch.rand(3)"], torch.rand(3), tolerance)).toEqual([]);
});

test("a generator of one's own does not touch the default one", () => {
  torch.manualSeed(0);
  const first = torch.rand(3);
  torch.manualSeed(0);
  torch.rand(5, { generator: new torch.Generator().manualSeed(7) });
  expect(torch.rand(3).equal(first)).toBe(true);
});

test("the state is a uint8 tensor of 5056 bytes, and brings the draws back", () => {
  torch.manualSeed(3);
  torch.randn(1);
  const state = torch.getRngState();
  const first = torch.randn(4);
  torch.setRngState(state);
  expect([state.dtype, state.numel()]).toEqual([torch.uint8, 5056]);
  expect(torch.randn(4).equal(first)).toBe(true);
});

test("forkRng gives the old state back, also to `using`", () => {
  torch.manualSeed(1);
  const expected = torch.rand(2);
  torch.manualSeed(1);
  torch.random.forkRng(() => torch.rand(9));
  {
    using _ = torch.random.forkRng();
    torch.rand(4);
  }
  expect(torch.rand(2).equal(expected)).toBe(true);
});

test.each([
  ["uniform_", [0, 1], "UniformBackward0"],
  ["normal_", [0, 1], "NormalBackward0"],
  ["random_", [], "RandomBackward2"],
  ["random_", [5], "RandomBackward1"],
  ["random_", [1, 5], "RandomBackward0"],
  ["bernoulli_", [0.5], "BernoulliBackward2"],
  ["exponential_", [], "ExponentialBackward0"],
  ["geometric_", [0.5], "GeometricBackward0"],
  ["cauchy_", [], "CauchyBackward0"],
  ["logNormal_", [], "LogNormalBackward0"],
] as const)("%s(%j) becomes the history of what it writes, with a gradient of zeros", (name, args, node) => {
  const x = torch.ones(3, { requiresGrad: true });
  const y = x.mul(1);
  Reflect.apply(y[name], y, args);
  expect(y.gradFn?.name()).toBe(node);
  expect(y._version).toBe(1);
  y.sum().backward();
  expect(x.grad?.tolist()).toEqual([0, 0, 0]);
});

test.each([
  ["bernoulli", () => torch.bernoulli(torch.full([2], 0.5).requiresGrad_()), "BernoulliBackward0"],
  ["poisson", () => torch.poisson(torch.full([2], 0.5).requiresGrad_()), "PoissonBackward0"],
  ["normal of a mean", () => torch.normal(torch.ones(2).requiresGrad_(), 1), "NormalBackward1"],
  ["normal of a deviation", () => torch.normal(1, torch.ones(2).requiresGrad_()), "NormalBackward2"],
  ["normal of both", () => torch.normal(torch.ones(2), torch.ones(2).requiresGrad_()), "NormalBackward3"],
] as const)("%s is one node", (_, draw, node) => {
  expect(draw().gradFn?.name()).toBe(node);
});

test("a draw into an expanded tensor, or a leaf that requires grad, is refused before anything is drawn", () => {
  torch.manualSeed(0);
  const state = torch.getRngState();
  expect(() => torch.zeros(1, 4).expand(3, 4).uniform_()).toThrow("more than one element of the written-to tensor");
  expect(() => torch.zeros(3, { requiresGrad: true }).normal_()).toThrow("a leaf Variable that requires grad");
  expect(torch.getRngState().equal(state)).toBe(true);
});

test.each([
  [
    "a range that is empty",
    () => torch.randint(5, 5, [2]),
    "random_ expects 'from' to be less than 'to', but got from=5 >= to=5",
  ],
  [
    "a bound beyond the dtype",
    () => torch.randint(0, 300, [2], { dtype: "uint8" }),
    "to - 1 is out of bounds for unsigned char",
  ],
  [
    "integers by rand",
    () => torch.rand(3, { dtype: torch.int64 }),
    `"check_uniform_bounds" not implemented for 'Long'`,
  ],
  ["integers by normal_", () => torch.zeros(3).long().normal_(), `"normal_kernel_cpu" not implemented for 'Long'`],
  ["a negative size", () => torch.randn(-1), "Trying to create tensor with negative dimension -1: [-1]"],
  ["a negative deviation", () => torch.normal(torch.zeros(2), -1), "normal expects std >= 0.0, but found std -1"],
  [
    "a negative deviation in a tensor",
    () => torch.normal(0, torch.tensor([1, -1])),
    "normal expects all elements of std >= 0.0",
  ],
  [
    "a chance above 1",
    () => torch.bernoulli(torch.tensor([2])),
    "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
  ],
  [
    "chances in integers",
    () => torch.bernoulli(torch.ones(2).long()),
    `"bernoulli_tensor_cpu_p_" not implemented for 'Long'`,
  ],
  [
    "a negative rate",
    () => torch.poisson(torch.tensor([-1])),
    "invalid Poisson rate, expected rate to be non-negative",
  ],
  ["weights of three dims", () => torch.multinomial(torch.ones(2, 2, 2), 1), "prob_dist must be 1 or 2 dim"],
  [
    "weights in integers",
    () => torch.multinomial(torch.ones(2).long(), 1),
    "multinomial only supports floating-point dtypes for input, got: Long",
  ],
  [
    "more samples than categories",
    () => torch.multinomial(torch.ones(2), 3),
    "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
  ],
  ["a generator that is none", () => torch.rand(2, { generator: "g" as never }), "argument 'generator' must be"],
  ["a state of the wrong dtype", () => torch.setRngState(torch.zeros(3)), "RNG state must be a torch.ByteTensor"],
  [
    "a state of the wrong size",
    () => torch.setRngState(torch.zeros(3).byte()),
    "but found the input RNG state size to be 3",
  ],
  ["a fraction as a bound", () => torch.randint(1.5, [2]), "argument 'high' must be int, not float"],
])("%s is refused in PyTorch's words", (_, draw, message) => {
  expect(draw).toThrow(message);
});

test("on the meta device nothing is drawn", () => {
  torch.manualSeed(0);
  const state = torch.getRngState();
  expect(torch.rand(1000, { device: "meta" }).shape).toEqual(torch.empty(1000, { device: "meta" }).shape);
  torch.empty(3, { device: "meta" }).normal_();
  expect(torch.getRngState().equal(state)).toBe(true);
});

test("the like-forms take size and dtype from the tensor, and options on top", () => {
  const x = torch.zeros(2, 3, { dtype: "float64" });
  expect(torch.randLike(x).dtype).toBe(torch.float64);
  expect(torch.randintLike(x, 5).dtype).toBe(torch.float64);
  expect(torch.randnLike(x, { dtype: "float32" }).dtype).toBe(torch.float32);
  expect(torch.randint(3, [2], { dtype: "float32" }).dtype).toBe(torch.float32);
});
