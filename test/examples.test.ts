/** The examples print what PyTorch printed for the same programs (rows of test/behaviours). */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const matched = "<All keys matched successfully>";

function stdout(example: string): string[] {
  const text = execFileSync(process.execPath, ["--import", "tsx", `examples/${example}.ts`], {
    cwd: root,
    encoding: "utf8",
  });
  return text.trimEnd().split("\n");
}

function fc(row0: string, row1: string, bias: string): string[] {
  return [`OrderedDict([('fc.weight', tensor([[${row0}],`, `        [${row1}]])), ('fc.bias', tensor([${bias}]))])`];
}

test("00-state-dict prints rows S25, S27 and S26", () => {
  const full = fc("-0.0472, -0.4500", "-0.3051, -0.3033", "-0.1162, -0.4246");
  const half = fc("-0.0236, -0.2250", "-0.1525, -0.1516", "-0.0581, -0.2123");
  const quarter = fc("-0.0118, -0.1125", "-0.0763, -0.0758", "-0.0291, -0.1062");
  const shared = fc(" 0.0333,  0.0221", " 0.0680, -0.0331", "-0.1304,  0.1165");
  const sharedHalf = fc(" 0.0166,  0.0110", " 0.0340, -0.0166", "-0.0652,  0.0583");
  expect(stdout("00-state-dict")).toEqual([
    "model and state dict at first",
    ...full,
    ...full,
    "model halved: the state dict follows",
    ...half,
    ...half,
    matched,
    "deep copy halved: the model stays",
    ...half,
    ...quarter,
    "model halved: the deep copy stays",
    ...quarter,
    ...quarter,
    "one memory: false",
    matched,
    "state dict halved: the model follows",
    ...shared,
    ...shared,
    "model halved: the state dict follows",
    ...sharedHalf,
    ...sharedHalf,
    "one memory: true",
  ]);
});

test("01-copies prints rows S1, S10, S35 to S38, S40 and S41", () => {
  const loaded = (first: string): string =>
    `OrderedDict([('weight', tensor([[ ${first},  0.4382, -0.4297,  0.4098, -0.3954]])), ('bias', tensor([0.3964]))])`;
  expect(stdout("01-copies")).toEqual([
    "a = [ 1, 2, 3, 4, [ 'a', 'b', 'c' ], 5 ]",
    "b = [ 1, 2, 3, 4, [ 'a', 'b', 'c' ], 5 ]",
    "c = [ 1, 2, 3, 4, [ 'a', 'b', 'c' ] ]",
    "d = [ 1, 2, 3, 4, [ 'a', 'b' ] ]",
    "same module: false same weight: true",
    "Parameter containing:",
    "tensor([[ 0.0171,  0.4382, -0.4297,  0.4098, -0.3954]], requires_grad=True)",
    "same state dict: false",
    loaded("8.8888"),
    matched,
    "RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation.",
    loaded("8.8888"),
    loaded("2.0000"),
    "kept: tensor([4., 5.]) copied: tensor([5., 6.])",
    matched,
    "Parameter containing:",
    "tensor([[2., 3.],",
    "        [4., 5.]], requires_grad=True)",
    "Parameter containing:",
    "tensor([[1., 2.],",
    "        [3., 4.]], requires_grad=True)",
  ]);
});

test("02-memo prints rows S52 to S59, S68 to S95, S104, S113, S120 to S122 and S127", () => {
  expect(stdout("02-memo")).toEqual([
    "tensor([[0.1000, 1.2000],",
    "        [2.2000, 3.1000],",
    "        [4.9000, 5.2000]])",
    "tensor([[0., 0., 0.],",
    "        [0., 0., 0.]])",
    "torch.Size([1, 2, 3, 4, 5]) torch.Size([1, 2, 3, 4, 5]) torch.float32",
    "tensor([[ 1.5410, -0.2934, -2.1788],",
    "        [ 0.5684, -1.0845, -1.3986]])",
    "tensor([1, 2, 3])",
    "tensor([ 9, -1,  3])",
    "tensor([7., 2., 2., 2., 2.])",
    "tensor([[0, 3],",
    "        [1, 4],",
    "        [2, 5]]) [ 1, 3 ]",
    "tensor([[  0,   1,   2],",
    "        [100,   4,   5]])",
    "true false true",
    "torch.Size([16]) torch.Size([2, 8]) torch.Size([2, 8])",
    "RuntimeError: view size is not compatible with input tensor's size and stride (at least one dimension spans " +
      "across two contiguous subspaces). Use .reshape(...) instead.",
    "torch.Size([3, 8])",
    "torch.Size([3, 32, 16]) torch.Size([3, 32, 16]) torch.Size([32, 3, 16])",
    "false false false true",
    "tensor([[ 0.,  1.,  2.,  3.],",
    "        [12., 13., 14., 15.]])",
    "tensor([[0., 1., 2., 3.],",
    "        [4., 5., 6., 7.]])",
    "torch.Size([2, 2, 2]) torch.Size([2, 2, 1, 2])",
    "tensor([[1, 2, 3, 4]])",
    "tensor([[1],",
    "        [2],",
    "        [3],",
    "        [4]])",
    "tensor([1., 2.], grad_fn=<CloneBackward0>)",
    "tensor([3., 3.])",
    "tensor([0., 0., 0.], grad_fn=<SigmoidBackward0>)",
    "OrderedDict([('weight', tensor([[1., 2.],",
    "        [3., 4.]])), ('bias', tensor([5., 6.]))])",
    matched,
    "tensor(276.) tensor([ 60.,  92., 124.]) torch.Size([1, 3, 1])",
    "tensor([[20., 23., 26., 29.],",
    "        [56., 68., 80., 92.]])",
    "torch.Size([1, 60, 56]) torch.Size([1, 2, 7, 8]) tensor(True)",
  ]);
});

test("03-copy-weights prints rows S131, S12, S137, S42, S141 and S144", () => {
  expect(stdout("03-copy-weights")).toEqual([
    "MyModel(",
    "  (layer1): Linear(in_features=10, out_features=4, bias=True)",
    "  (act1): Sigmoid()",
    ")",
    "torch.Size([8, 4])",
    "assigned: true",
    "true false false",
    "true false false",
    "tensor([[0.5987, 0.6225],",
    "        [0.6900, 0.8022]], grad_fn=<SigmoidBackward0>)",
    "tensor(0.8447, grad_fn=<BinaryCrossEntropyBackward0>)",
    "tensor([[-0.0053, -0.1884],",
    "        [ 0.3067,  0.1947]])",
    "Parameter containing:",
    "tensor([[0.1010, 0.2010],",
    "        [0.2990, 0.3990]], requires_grad=True)",
    matched,
    "Parameter containing:",
    "tensor([[1., 2.],",
    "        [3., 4.]], requires_grad=True)",
    "tensor([[0., 0.],",
    "        [0., 0.]])",
    "Parameter containing:",
    "tensor([5., 6.], requires_grad=True)",
    "Parameter containing:",
    "tensor([5., 6.], requires_grad=True)",
    "tensor(1.) 0.01",
  ]);
});

test("04-clone-and-deepcopy prints rows S16, S67, S96, S95, S101, S98, S20 and S22", () => {
  expect(stdout("04-clone-and-deepcopy")).toEqual([
    "tensor([10,  2,  3])",
    "tensor([1, 2, 3])",
    "Original tensor: tensor([1, 2, 3, 4, 5])",
    "Cloned tensor: tensor([10,  2,  3,  4,  5])",
    "one memory: false",
    "true false true true",
    "2 1000 10",
    "true false",
    "a model can be cloned: false",
  ]);
});

test.each([
  ["00-state-dict", ["state-dict-drifted", "load-aliased"]],
  ["01-copies", []],
  ["02-memo", []],
  ["03-copy-weights", ["optimizer-other-model"]],
  ["04-clone-and-deepcopy", []],
])("%s warns of the misuse that it shows, and of nothing else", (example, codes) => {
  const { stderr } = spawnSync(process.execPath, ["--import", "tsx", `examples/${example}.ts`], {
    cwd: root,
    encoding: "utf8",
  });
  expect([...stderr.matchAll(/UserWarning: .* See docs\/pitfalls\.md#(\S+) \(at /g)].map(([, code]) => code)).toEqual(
    codes,
  );
  expect(stderr.match(/Warning/g)?.length ?? 0).toBe(codes.length);
});
