/** Misuse of the public functions: a clear error, and no operand changed. */
import { expect, test } from "vitest";
import * as torch from "../src/index.ts";

const { nn, optim } = torch;
const F = nn.functional;

/** The operands of a case, with the shape in the name. */
function operands() {
  return {
    f23: torch.arange(6).float().view(2, 3),
    f3: torch.tensor([1, 2, 3]),
    f4: torch.ones(4),
    d23: torch.ones(2, 3, { dtype: torch.float64 }),
    i3: torch.tensor([0, 1, 2], { dtype: torch.int64 }),
    far: torch.tensor([0, 5], { dtype: torch.int64 }),
    b23: torch.ones(2, 3, { dtype: torch.bool }),
    leaf: torch.ones(3, { requiresGrad: true }),
    one: torch.tensor(1),
  };
}

type Operands = ReturnType<typeof operands>;
type Case = [call: string, misuse: (o: Operands) => unknown, message: RegExp];

/** What an operand holds, as text: values, version, layout. */
function state(o: Operands): string[] {
  return Object.values(o).map(
    (x) => `${x} version ${x._version} stride ${x.stride()} at ${x.dataPtr()} grad ${x.requiresGrad}`,
  );
}

/** The layer of the cases about modules. */
const linear = () => new nn.Linear(3, 2);

/** Runs the misuse and returns its error as `"Type: message"`. */
function errorOf(misuse: () => unknown): string {
  try {
    misuse();
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `not an Error: ${String(error)}`;
  }
  return "no error";
}

/** Runs a case: the error matches and nothing changed. */
function check(misuse: (o: Operands) => unknown, message: RegExp): void {
  const o = operands();
  const before = state(o);
  expect(errorOf(() => misuse(o))).toMatch(message);
  expect(state(o)).toEqual(before);
}

/** A value of a wrong kind, as a caller without types would pass it. */
// biome-ignore lint/suspicious/noExplicitAny: wrong arguments are the subject of this file
function wrong(value: unknown): any {
  return value;
}

const range = /^IndexError: Dimension out of range \(expected to be in range of \[-2, 1\], but got (2|-3|5)\)/;

const dimensions: Case[] = [
  ["sum(2)", ({ f23 }) => f23.sum(2), range],
  ["sum(-3)", ({ f23 }) => f23.sum(-3), range],
  ["sum([0, 0])", ({ f23 }) => f23.sum([0, 0]), /^RuntimeError: dim 0 appears multiple times in the list of dims/],
  ["mean(5)", ({ f23 }) => f23.mean(5), range],
  ["transpose(0, 2)", ({ f23 }) => f23.transpose(0, 2), range],
  ["select(2, 0)", ({ f23 }) => f23.select(2, 0), range],
  ["squeeze(2)", ({ f23 }) => f23.squeeze(2), range],
  ["softmax(2)", ({ f23 }) => f23.softmax(2), range],
  ["argmax(2)", ({ f23 }) => f23.argmax(2), range],
  ["cumsum(2)", ({ f23 }) => f23.cumsum(2), range],
  ["sort(2)", ({ f23 }) => f23.sort(2), range],
  ["max(2)", ({ f23 }) => f23.max(2), range],
  ["unsqueeze(4)", ({ f23 }) => f23.unsqueeze(4), /^IndexError: Dimension out of range .*\[-3, 2\], but got 4/],
  ["torch.cat dim", ({ f23 }) => torch.cat([f23, f23], 2), range],
  ["torch.stack dim", ({ f23 }) => torch.stack([f23, f23], 4), /^IndexError: Dimension out of range .*\[-3, 2\]/],
  ["flip([2])", ({ f23 }) => f23.flip([2]), range],
  ["size(2)", ({ f23 }) => f23.size(2), range],
  ["chunk dim", ({ f23 }) => f23.chunk(2, 2), range],
  ["unbind(2)", ({ f23 }) => f23.unbind(2), range],
  ["diagonal dims", ({ f23 }) => f23.diagonal(0, 1, 1), /^RuntimeError: diagonal dimensions cannot be identical 1, 1/],
  ["diagonal of 1-d", ({ f3 }) => f3.diagonal(), /^IndexError: Dimension out of range/],
  ["permute(0, 1, 1)", ({ f23 }) => f23.view(1, 2, 3).permute(0, 1, 1), /^RuntimeError: .*(repeated|permut)/],
  ["permute(0)", ({ f23 }) => f23.permute(0), /^RuntimeError: .*input\.dim\(\) = 2 is not equal to len\(dims\) = 1/],
  [
    "t() of 3-d",
    ({ f23 }) => f23.unsqueeze(0).t(),
    /^RuntimeError: t\(\) expects a tensor with <= 2 dimensions, but self is 3D/,
  ],
  ["movedim twice", ({ f23 }) => f23.movedim([0, 0], [0, 1]), /^RuntimeError: .*(repeated|unique|duplicate|same)/],
];

const shapes: Case[] = [
  [
    "add",
    ({ f3, f4 }) => f3.add(f4),
    /^RuntimeError: The size of tensor a \(3\) must match the size of tensor b \(4\)/,
  ],
  [
    "add_ growing self",
    ({ f3, f23 }) => f3.add_(f23),
    /^RuntimeError: output with shape \[3\] doesn't match the broadcast shape \[2, 3\]/,
  ],
  [
    "mul_",
    ({ f4, f3 }) => f4.mul_(f3),
    /^RuntimeError: The size of tensor a \(4\) must match the size of tensor b \(3\)/,
  ],
  ["copy_", ({ f4, f23 }) => f4.copy_(f23), /^RuntimeError: .*(must match|output with shape)/],
  ["where", ({ b23, f4, f23 }) => torch.where(b23, f4, f23), /^RuntimeError: The size of tensor a/],
  ["view", ({ f23 }) => f23.view(4, 2), /^RuntimeError: shape '\[4, 2\]' is invalid for input of size 6/],
  ["view(-1, 4)", ({ f23 }) => f23.view(-1, 4), /^RuntimeError: shape '\[-1, 4\]' is invalid for input of size 6/],
  ["view(-1, -1)", ({ f23 }) => f23.view(-1, -1), /^RuntimeError: only one dimension can be inferred/],
  ["view(-2, -3)", ({ f23 }) => f23.view(-2, -3), /^RuntimeError: invalid shape dimension -\d/],
  [
    "view of t()",
    ({ f23 }) => f23.t().view(6),
    /^RuntimeError: view size is not compatible with input tensor's size and stride/,
  ],
  ["reshape", ({ f23 }) => f23.reshape(5), /^RuntimeError: shape '\[5\]' is invalid for input of size 6/],
  [
    "expand",
    ({ f23 }) => f23.expand(3, 3),
    /^RuntimeError: The expanded size of the tensor \(3\) must match the existing size \(2\)/,
  ],
  [
    "expand to fewer dims",
    ({ f23 }) => f23.expand(3),
    /^RuntimeError: expand\(.*number of sizes provided \(1\) must be greater or equal/,
  ],
  ["matmul", ({ f23 }) => f23.matmul(f23), /^RuntimeError: mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)/],
  ["mm of 1-d", ({ f3 }) => f3.mm(f3), /^RuntimeError: .*self must be a matrix/],
  ["mv", ({ f23, f4 }) => f23.mv(f4), /^RuntimeError: size mismatch, got (input )?\(?2\)?,? .*4/],
  ["dot", ({ f3, f4 }) => f3.dot(f4), /^RuntimeError: inconsistent tensor size, expected tensor \[3\] and src \[4\]/],
  ["bmm", ({ f23 }) => f23.bmm(f23), /^RuntimeError: batch1 must be a 3D tensor/],
  [
    "cat sizes",
    ({ f23, f4 }) => torch.cat([f23, f4.view(2, 2)]),
    /^RuntimeError: Sizes of tensors must match except in dimension 0\. Expected size 3 but got size 2/,
  ],
  [
    "cat dims",
    ({ f23, f4 }) => torch.cat([f23, f4]),
    /^RuntimeError: Tensors must have same number of dimensions: got 2 and 1/,
  ],
  ["cat of nothing", () => torch.cat([]), /^(RuntimeError|ValueError): .*(non-empty|expected)/],
  [
    "stack sizes",
    ({ f3, f4 }) => torch.stack([f3, f4]),
    /^RuntimeError: stack expects each tensor to be equal size, but got \[3\] at entry 0 and \[4\] at entry 1/,
  ],
  [
    "split sizes",
    ({ f4 }) => f4.split([1, 2]),
    /^RuntimeError: split_?(with_sizes|WithSizes|).* expects split_?[sS]izes to sum exactly to 4/,
  ],
  ["chunk(0)", ({ f4 }) => f4.chunk(0), /^RuntimeError: chunk expects `?chunks`? to be greater than 0, got: 0/],
  [
    "unfold size",
    ({ f4 }) => f4.unfold(0, 5, 1),
    /^RuntimeError: maximum size for tensor at dimension 0 is 4 but size is 5/,
  ],
  ["unfold step", ({ f4 }) => f4.unfold(0, 2, 0), /^RuntimeError: step is 0 but must be > 0/],
  [
    "repeat",
    ({ f23 }) => f23.repeat(2),
    /^RuntimeError: Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor/,
  ],
  [
    "asStrided out of storage",
    ({ f4 }) => f4.asStrided([3], [2]),
    /^RuntimeError: setStorage: .*are out of bounds for storage of size 16/,
  ],
  [
    "asStrided negative stride",
    ({ f4 }) => f4.asStrided([2], [-1], 1),
    /^RuntimeError: .*[Nn]egative strides are not supported/,
  ],
  [
    "asStrided lengths",
    ({ f4 }) => f4.asStrided([2, 2], [1]),
    /^RuntimeError: .*mismatch in length of strides and shape/,
  ],
  ["asStrided offset", ({ f4 }) => f4.asStrided([1], [1], -1), /^RuntimeError: .*(storage.?[oO]ffset|offset).*-1/],
  [
    "set_ row of another length",
    ({ f23, f4 }) => f23.setAt([0], f4),
    /^RuntimeError: .*(must match|shape mismatch|expanded size)/,
  ],
  [
    "setAt with too many values",
    ({ f4, f3, i3 }) => f4.setAt([i3.at(":2")], f3),
    /^RuntimeError: shape mismatch: value tensor of shape \[3\] cannot be broadcast to indexing result of shape \[2\]/,
  ],
  [
    "linear input",
    ({ f4 }) => linear()(f4.view(1, 4)),
    /^RuntimeError: mat1 and mat2 shapes cannot be multiplied \(1x4 and 3x2\)/,
  ],
  [
    "mseLoss",
    ({ f3, f4 }) => F.mseLoss(f3, f4),
    /^RuntimeError: The size of tensor a \(3\) must match the size of tensor b \(4\)/,
  ],
  [
    "crossEntropy batch",
    ({ f23, i3 }) => F.crossEntropy(f23, i3),
    /^(ValueError|RuntimeError): Expected input batch_?[sS]ize \(2\) to match target batch_?[sS]ize \(3\)/,
  ],
  [
    "conv2d input of 2-d",
    ({ f23 }) => F.conv2d(f23, torch.ones(1, 1, 2, 2)),
    /^RuntimeError: Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: \[2, 3\]/,
  ],
  [
    "conv2d channels",
    () => F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(1, 3, 2, 2)),
    /^RuntimeError: Given groups=1, weight of size \[1, 3, 2, 2\], expected input\[1, 2, 4, 4\] to have 3 channels, but got 2 channels instead/,
  ],
  [
    "conv2d kernel too large",
    () => F.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3)),
    /^RuntimeError: Calculated padded input size per channel: \(2 x 2\)\. Kernel size: \(3 x 3\)\. Kernel size can't be greater than actual input size/,
  ],
  [
    "layerNorm shape",
    ({ f23 }) => F.layerNorm(f23, [2]),
    /^RuntimeError: Given normalized_?[sS]hape=\[2\], expected input with shape \[\*, 2\], but got input of size ?\[2, 3\]/,
  ],
  [
    "einsum sizes",
    ({ f23 }) => torch.einsum("ij,jk->ik", f23, f23),
    /^RuntimeError: einsum\(\): .*(does not broadcast|size)/,
  ],
  [
    "backward shape",
    ({ leaf }) => leaf.mul(2).backward(torch.ones(2)),
    /^RuntimeError: Mismatch in shape: grad_output\[0\] has a shape of torch\.Size\(\[2\]\)/,
  ],
];

const sizes: Case[] = [
  ["zeros(-1)", () => torch.zeros(-1), /^RuntimeError: Trying to create tensor with negative dimension -1: \[-1\]/],
  ["zeros(NaN)", () => torch.zeros(Number.NaN), /^TypeError: zeros\(\).*(size|NaN)/],
  ["zeros(1.5)", () => torch.zeros(1.5), /^TypeError: zeros\(\).*(size|1\.5)/],
  ["zeros('2')", () => torch.zeros(wrong("2")), /^TypeError: zeros\(\)/],
  ["ones(Infinity)", () => torch.ones(Number.POSITIVE_INFINITY), /^TypeError: ones\(\).*(size|Infinity)/],
  ["view(NaN)", ({ f4 }) => f4.view(Number.NaN), /^TypeError: view\(\).*(size|NaN)/],
  ["narrow fraction", ({ f4 }) => f4.narrow(0, 0.5, 2), /^TypeError: narrow\(\).*start/],
  [
    "empty of 2^31 x 2^31",
    () => torch.empty(2 ** 31, 2 ** 31),
    /^(RuntimeError|RangeError|OutOfMemoryError): .*(memory|large|overflow|2147483648)/,
  ],
  ["zeros of 2^40", () => torch.zeros(2 ** 40), /^(RuntimeError|RangeError|OutOfMemoryError): .*(memory|allocate)/],
  [
    "expand is free, its clone is not",
    ({ one }) => one.expand(2 ** 31, 4).clone(),
    /^(RuntimeError|RangeError|OutOfMemoryError): .*(memory|allocate)/,
  ],
  ["arange step 0", () => torch.arange(0, 3, 0), /^RuntimeError: step must be nonzero/],
  [
    "arange away",
    () => torch.arange(0, 3, -1),
    /^RuntimeError: upper bound and larger bound inconsistent with step sign/,
  ],
  ["arange NaN", () => torch.arange(0, Number.NaN), /^(RuntimeError|ValueError): .*(unsupported range|nan|NaN)/],
  ["linspace steps", () => torch.linspace(0, 1, -1), /^RuntimeError: number of steps must be non-negative/],
  ["eye(-1)", () => torch.eye(-1), /^RuntimeError: n must be greater or equal to 0, got -1/],
  [
    "randint range",
    () => torch.randint(3, 3, [2]),
    /^RuntimeError: random_? expects 'from' to be less than 'to', but got from=3 >= to=3/,
  ],
  [
    "narrow length",
    ({ f4 }) => f4.narrow(0, 2, 3),
    /^RuntimeError: start \(2\) \+ length \(3\) exceeds dimension size \(4\)/,
  ],
  ["narrow negative length", ({ f4 }) => f4.narrow(0, 0, -1), /^RuntimeError: narrow\(\): length must be non-negative/],
  [
    "max of nothing",
    () => torch.zeros(0).max(),
    /^RuntimeError: max\(\): Expected reduction dim to be specified for input\.numel\(\) == 0/,
  ],
  [
    "argmax of nothing",
    () => torch.zeros(0).argmax(),
    /^(RuntimeError|IndexError): argmax\(\): Expected reduction dim .*to be specified/,
  ],
  ["resize_ negative", ({ f4 }) => f4.resize_(-1), /^RuntimeError: .*negative/],
  [
    "tensor of ragged lists",
    () => torch.tensor([[1], [1, 2]]),
    /^ValueError: expected sequence of length 1 at dim 1 \(got 2\)/,
  ],
  ["tensor of text", () => torch.tensor(wrong("abc")), /^TypeError: .*(str|string)/],
  ["tensor of an object", () => torch.tensor(wrong({ a: 1 })), /^TypeError: /],
  ["tensor of undefined", () => torch.tensor(wrong([1, undefined])), /^TypeError: .*(NoneType|undefined)/],
];

const indexErrors: Case[] = [
  ["at(2) of size 2", ({ f23 }) => f23.at(2), /^IndexError: index 2 is out of bounds for dimension 0 with size 2/],
  ["at(-3) of size 2", ({ f23 }) => f23.at(-3), /^IndexError: index -3 is out of bounds for dimension 0 with size 2/],
  ["at(0, 0, 0)", ({ f23 }) => f23.at(0, 0, 0), /^IndexError: too many indices for tensor of dimension 2/],
  ["at of 0-d", ({ one }) => one.at(0), /^IndexError: invalid index of a 0-dim tensor/],
  ["at(1.5)", ({ f23 }) => f23.at(1.5), /^(TypeError|IndexError): .*(only integers|1\.5)/],
  ["at(NaN)", ({ f23 }) => f23.at(Number.NaN), /^(TypeError|IndexError): .*(only integers|NaN)/],
  ["at of a word", ({ f23 }) => f23.at(wrong("first")), /^(TypeError|IndexError|ValueError): .*first/],
  ["at step 0", ({ f23 }) => f23.at("::0"), /^ValueError: (slice )?step (must be greater than|cannot be) zero/],
  ["at step -1", ({ f23 }) => f23.at("::-1"), /^ValueError: step must be greater than zero/],
  [
    "mask of another shape",
    ({ f4, b23 }) => f4.at(b23),
    /^IndexError: (The shape of the mask \[2, 3\] at index 0 does not match|too many indices)/,
  ],
  [
    "float index tensor",
    ({ f4, f3 }) => f4.at(f3),
    /^IndexError: tensors used as indices must be long, (int, )?byte or bool tensors/,
  ],
  [
    "index tensor too far",
    ({ f4, far }) => f4.at(far),
    /^IndexError: index 5 is out of bounds for dimension 0 with size 4/,
  ],
  [
    "setAt too far",
    ({ f23 }) => f23.setAt([2], 0),
    /^IndexError: index 2 is out of bounds for dimension 0 with size 2/,
  ],
  [
    "setAt tensor too far",
    ({ f4, far }) => f4.setAt([far], 9),
    /^IndexError: index 5 is out of bounds for dimension 0 with size 4/,
  ],
  ["setAt with text", ({ f4 }) => f4.setAt([0], wrong("x")), /^TypeError: /],
  [
    "select too far",
    ({ f23 }) => f23.select(0, 2),
    /^IndexError: select\(\): index 2 out of range for tensor of size \[2, 3\] at dimension 0/,
  ],
  [
    "indexSelect too far",
    ({ f4, far }) => f4.indexSelect(0, far),
    /^(IndexError|RuntimeError): .*out of (range|bounds)/,
  ],
  [
    "indexSelect float index",
    ({ f4, f3 }) => f4.indexSelect(0, f3),
    /^RuntimeError: index_?[sS]elect\(\): Expected dtype int32 or int64 for index/,
  ],
  [
    "gather too far",
    ({ f4, far }) => f4.gather(0, far),
    /^(RuntimeError|IndexError): index 5 is out of bounds for dimension 0 with size 4/,
  ],
  ["gather dtype", ({ f4, f3 }) => f4.gather(0, f3), /^RuntimeError: gather\(\): Expected dtype int64 for index/],
  [
    "scatter_ too far",
    ({ f4, far }) => f4.scatter_(0, far, 1),
    /^(RuntimeError|IndexError): index 5 is out of bounds for dimension 0 with size 4/,
  ],
  [
    "indexAdd_ too far",
    ({ f4, far }) => f4.indexAdd_(0, far, torch.ones(2)),
    /^(IndexError|RuntimeError): .*out of (range|bounds)/,
  ],
  ["take too far", ({ f4, far }) => f4.take(far), /^(IndexError|RuntimeError): .*out of range/],
  ["embedding too far", ({ far }) => new nn.Embedding(3, 2)(far), /^IndexError: index out of range in self/],
  [
    "oneHot too few classes",
    ({ far }) => F.oneHot(far, 3),
    /^RuntimeError: Class values must be smaller than num_?[cC]lasses/,
  ],
  ["nllLoss class", ({ f23, far }) => F.nllLoss(f23, far), /^IndexError: Target 5 is out of bounds/],
];

const dtypes: Case[] = [
  [
    "matmul dtypes",
    ({ f23, d23 }) => f23.matmul(d23.t()),
    /^RuntimeError: (mat1 and mat2|expected m1 and m2|expected .*) (must|to) have the same dtype, but got:? ?(Float|float) (and|!=) (Double|double)/,
  ],
  [
    "linear dtypes",
    ({ d23 }) => linear()(d23),
    /^RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float/,
  ],
  [
    "int add_ float",
    ({ i3 }) => i3.add_(0.5),
    /^RuntimeError: result type Float can't be cast to the desired output type Long/,
  ],
  [
    "int div_",
    ({ i3 }) => i3.div_(2),
    /^RuntimeError: result type Float can't be cast to the desired output type Long/,
  ],
  [
    "int mean",
    ({ i3 }) => i3.mean(),
    /^RuntimeError: mean\(\): could not infer output dtype\. Input dtype must be either a floating point or complex dtype\. Got: Long/,
  ],
  ["int sin_", ({ i3 }) => i3.sin_(), /^RuntimeError: result type Float can't be cast to the desired output type Long/],
  [
    "bool sub",
    ({ b23 }) => b23.sub(b23),
    /^RuntimeError: Subtraction, the `-` operator, with two bool tensors is not supported/,
  ],
  ["bool neg", ({ b23 }) => b23.neg(), /^RuntimeError: Negation, the `-` operator, on a bool tensor is not supported/],
  [
    "float bitwiseAnd",
    ({ f3 }) => f3.bitwiseAnd(f3),
    /^(RuntimeError|NotImplementedError): "?bitwise_?[aA]nd.*(not implemented for|Float)/,
  ],
  ["float bitwiseNot", ({ f3 }) => f3.bitwiseNot(), /^(RuntimeError|NotImplementedError|TypeError): .*bitwise_?[nN]ot/],
  ["maskedFill_ mask", ({ f3, i3 }) => f3.maskedFill_(i3, 0), /^RuntimeError: .*mask.*bool/i],
  ["maskedSelect mask", ({ f3, i3 }) => f3.maskedSelect(i3), /^RuntimeError: .*mask(ed_?[sS]elect)?.*[bB]ool/],
  [
    "crossEntropy target",
    ({ f23 }) => F.crossEntropy(f23, torch.zeros(2)),
    /^RuntimeError: .*([eE]xpected.*Long|Float)/,
  ],
  [
    "embedding of floats",
    ({ f3 }) => new nn.Embedding(5, 2)(f3),
    /^RuntimeError: Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int/,
  ],
  [
    "dot dtypes",
    ({ f3, i3 }) => f3.dot(i3),
    /^RuntimeError: dot : expected both vectors to have same dtype, but found Float and Long/,
  ],
  [
    "requiresGrad_ of ints",
    ({ i3 }) => i3.requiresGrad_(),
    /^RuntimeError: only Tensors of floating point dtype can require gradients/,
  ],
  ["item of many", ({ f3 }) => f3.item(), /^RuntimeError: a Tensor with 3 elements cannot be converted to Scalar/],
  [
    "isNonzero of many",
    ({ f3 }) => f3.isNonzero(),
    /^RuntimeError: Boolean value of Tensor with more than one value is ambiguous/,
  ],
  ["item beyond 2^53", () => torch.tensor(2n ** 60n).item(), /bigint: true/],
  ["to an unknown dtype", ({ f3 }) => f3.to(wrong("float31")), /^(TypeError|RuntimeError): .*float31/],
  [
    "zeros of an unknown dtype",
    () => torch.zeros(2, { dtype: wrong("float31") }),
    /^(TypeError|RuntimeError): .*float31/,
  ],
  ["numpy of a bfloat16", ({ f3 }) => f3.to(torch.bfloat16).numpy(), /^TypeError: .*BFloat16/],
  [
    "numpy of a leaf",
    ({ leaf }) => leaf.numpy(),
    /^RuntimeError: Can't call numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\) instead/,
  ],
  ["integer power", ({ i3 }) => i3.pow(-1), /^RuntimeError: Integers to negative integer powers are not allowed/],
  [
    "dropout p",
    ({ f3 }) => F.dropout(f3, 1.5),
    /^ValueError: dropout probability has to be between 0 and 1, but got 1\.5/,
  ],
  [
    "bce range",
    ({ f3 }) => F.binaryCrossEntropy(f3, f3),
    /^RuntimeError: all elements of (input|target) should be between 0 and 1/,
  ],
];

const devices: Case[] = [
  ["zeros on nowhere", () => torch.zeros(2, { device: "nowhere" }), /^RuntimeError: .*nowhere/],
  ["to('nowhere')", ({ f3 }) => f3.to("nowhere"), /^(RuntimeError|TypeError): .*nowhere/],
  ["zeros on cuda", () => torch.zeros(2, { device: "cuda" }), /^(AssertionError|RuntimeError|Error): .*(CUDA|cuda)/],
  ["device('cpu:x')", () => torch.device("cpu:x"), /^RuntimeError: .*cpu:x/],
  ["values of meta", () => torch.zeros(2, { device: "meta" }).tolist(), /^(NotImplementedError|RuntimeError): .*meta/],
  [
    "cpu with meta",
    ({ f3 }) => f3.add(torch.zeros(3, { device: "meta" })),
    /^RuntimeError: Expected all tensors to be on the same device, but found at least two devices, (cpu|meta) and (cpu|meta)!/,
  ],
];

const calls: Case[] = [
  ["sum keepdims", ({ f23 }) => f23.sum(1, wrong({ keepdims: true })), /^TypeError: sum\(\).*keepdims/],
  ["sum axis", ({ f23 }) => f23.sum(wrong({ axis: 1 })), /^TypeError: sum\(\).*axis/],
  ["zeros dtyp", () => torch.zeros(2, wrong({ dtyp: torch.float32 })), /^TypeError: zeros\(\).*dtyp/],
  ["add alpa", ({ f3 }) => f3.add(f3, wrong({ alpa: 2 })), /^TypeError: add\(\).*alpa/],
  ["Linear bia", () => new nn.Linear(2, 2, wrong({ bia: false })), /^TypeError: Linear\b.*bia/],
  [
    "SGD learningRate",
    () => new optim.SGD(linear().parameters(), wrong({ learningRate: 1 })),
    /^TypeError: SGD\b.*learningRate/,
  ],
  [
    "Adam snake case",
    () => new optim.Adam(linear().parameters(), wrong({ weight_decay: 1 })),
    /^TypeError: Adam\b.*weight_decay/,
  ],
  [
    "backward retain_graph",
    ({ leaf }) => leaf.sum().backward(wrong({ retain_graph: true })),
    /^TypeError: backward\(\).*retain_graph/,
  ],
  ["a parameter given twice", ({ f23 }) => f23.sum(1, wrong({ dim: 0 })), /^TypeError: sum\(\).*dim/],
  ["transpose without dims", ({ f23 }) => wrong(f23).transpose(), /^TypeError: transpose\(\).*(missing|dim0)/],
  ["transpose with one dim", ({ f23 }) => wrong(f23).transpose(0), /^TypeError: transpose\(\).*(missing|dim1)/],
  ["add without operand", ({ f3 }) => wrong(f3).add(), /^TypeError: add\(\).*other/],
  ["matmul without operand", ({ f3 }) => wrong(f3).matmul(), /^TypeError: matmul\(\).*other/],
  [
    "too many arguments",
    ({ f23 }) => wrong(f23).transpose(0, 1, 2),
    /^TypeError: transpose\(\).*(too many|takes|arguments)/,
  ],
  ["add of text", ({ f3 }) => f3.add(wrong("1")), /^TypeError: add\(\).*(str|string)/],
  ["add of null", ({ f3 }) => f3.add(wrong(null)), /^TypeError: add\(\)/],
  ["add_ of an array", ({ f3 }) => f3.add_(wrong([1, 2, 3])), /^TypeError: add_\(\)/],
  ["mul of an object", ({ f3 }) => f3.mul(wrong({ x: 1 })), /^TypeError: mul\(\)/],
  ["matmul of a number", ({ f3 }) => f3.matmul(wrong(2)), /^TypeError: matmul\(\)/],
  ["cat of a tensor", ({ f3 }) => torch.cat(wrong(f3)), /^TypeError: cat\(\)/],
  ["cat of numbers", () => torch.cat(wrong([1, 2])), /^TypeError: /],
  ["sum of a text dim", ({ f23 }) => f23.sum(wrong("rows")), /^TypeError: sum\(\).*dim/],
  ["keepdim of a number", ({ f23 }) => f23.sum(0, wrong(1)), /^TypeError: sum\(\).*keepdim/],
  ["squeeze of a fraction", ({ f23 }) => f23.squeeze(0.5), /^TypeError: squeeze\(\).*dim/],
  ["fill_ of text", ({ f3 }) => f3.fill_(wrong("0")), /^TypeError: fill_\(\)/],
  [
    "fill_ of a vector",
    ({ f3, f4 }) => f3.fill_(wrong(f4)),
    /^RuntimeError: fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions/,
  ],
  ["requiresGrad_ of text", ({ f3 }) => f3.requiresGrad_(wrong("yes")), /^TypeError: .*requires_?[gG]rad.* bool/],
  ["where without tensors", () => torch.where(wrong(true), 1, 2), /^TypeError: where\(\)/],
  ["einsum without operands", () => torch.einsum("ij"), /^(RuntimeError|ValueError|TypeError): .*einsum/],
  ["a tensor plus a number, in JavaScript", ({ f3 }) => wrong(f3) + 1, /^TypeError: .*add/],
  ["a number from a tensor, in JavaScript", ({ f3 }) => wrong(f3) * 2, /^TypeError: .*(item|mul)/],
  ["structuredClone", ({ f3 }) => structuredClone(f3), /^(DataCloneError|TypeError): /],
  ["Sequential of a function", () => new nn.Sequential(wrong(() => 1)), /^TypeError: .*is not a Module subclass/],
  [
    "loadStateDict of a path",
    () => linear().loadStateDict(wrong("best.pt")),
    /^TypeError: Expected state_?[dD]ict to be dict-like, got /,
  ],
  [
    "loadStateDict of other keys",
    () => linear().loadStateDict({ weight: torch.zeros(2, 3) }),
    /^RuntimeError: Error\(s\) in loading state_dict for Linear:\n\tMissing key\(s\) in state_dict: "bias"\. $/,
  ],
  [
    "loadStateDict of other shapes",
    () => linear().loadStateDict({ weight: torch.zeros(2, 3), bias: torch.zeros(3) }),
    /size mismatch for bias/,
  ],
  ["Linear(-1, 2)", () => new nn.Linear(-1, 2), /^RuntimeError: .*negative dimension -1/],
  [
    "Conv2d groups",
    () => new nn.Conv2d(3, 4, 1, { groups: 2 }),
    /^ValueError: in_?[cC]hannels must be divisible by groups/,
  ],
  [
    "Conv2d padding mode",
    () => new nn.Conv2d(1, 1, 1, { paddingMode: wrong("round") }),
    /^ValueError: padding_?[mM]ode must be one of/,
  ],
  [
    "MSELoss reduction",
    ({ f3 }) => new nn.MSELoss({ reduction: wrong("average") })(f3, f3),
    /^ValueError: average is not a valid value for reduction/,
  ],
  [
    "clip without bounds",
    ({ f3 }) => f3.clamp(),
    /^RuntimeError: torch\.clamp: At least one of 'min' or 'max' must not be None/,
  ],
  ["topk", ({ f3 }) => f3.topk(4), /^RuntimeError: selected index k out of range/],
  [
    "multinomial",
    ({ f3 }) => f3.multinomial(4),
    /^RuntimeError: cannot sample n_sample > prob_dist\.size\(-1\) samples without replacement/,
  ],
  ["normal std", () => torch.normal(0, -1, [2]), /^RuntimeError: normal expects std >= 0\.0, but found std -1/],
  ["bernoulli p", ({ f3 }) => f3.bernoulli(2), /^RuntimeError: bernoulli_? expects p to be in \[0, 1\], but got p=2/],
];

const autograd: Case[] = [
  [
    "add_ to a leaf",
    ({ leaf }) => leaf.add_(1),
    /^RuntimeError: a leaf Variable that requires grad is being used in an in-place operation\./,
  ],
  [
    "setAt of a leaf",
    ({ leaf }) => leaf.setAt([0], 1),
    /^RuntimeError: a view of a leaf Variable that requires grad is being used in an in-place operation\./,
  ],
  [
    "backward of a vector",
    ({ leaf }) => leaf.mul(2).backward(),
    /^RuntimeError: grad can be implicitly created only for scalar outputs/,
  ],
  [
    "backward without a graph",
    ({ f3 }) => f3.sum().backward(),
    /^RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn/,
  ],
  [
    "grad of a stranger",
    ({ leaf, f3 }) => torch.autograd.grad(leaf.sum(), f3),
    /^RuntimeError: One of the differentiated Tensors does not require grad/,
  ],
  [
    "retainGrad without grad",
    ({ f3 }) => f3.retainGrad(),
    /^RuntimeError: can't retain_?[gG]rad on Tensor that has requires_?[gG]rad=[Ff]alse/,
  ],
  [
    "registerHook without grad",
    ({ f3 }) => f3.registerHook((g) => g),
    /^RuntimeError: cannot register a hook on a tensor that doesn't require gradient/,
  ],
  [
    "detach_ of a view",
    ({ f23 }) => f23.at(0).detach_(),
    /^RuntimeError: Can't detach views in-place\. Use detach\(\) instead/,
  ],
  [
    "out that requires grad",
    ({ f3, leaf }) => torch.add(f3, f3, { out: leaf }),
    /^RuntimeError: add\(\): functions with out=\.\.\. arguments don't support automatic differentiation, but one of the arguments requires grad/,
  ],
  [
    "add_ to an expanded tensor",
    ({ f3 }) => f3.expand(2, 3).add_(1),
    /^RuntimeError: unsupported operation: more than one element of the written-to tensor refers to a single memory location/,
  ],
  [
    "copy_ over an overlap",
    ({ f4 }) => f4.at("1:").copy_(f4.at(":-1")),
    /^RuntimeError: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location/,
  ],
];

test.each(dimensions)("a dimension out of range: %s", (_, misuse, message) => check(misuse, message));
test.each(shapes)("a wrong shape: %s", (_, misuse, message) => check(misuse, message));
test.each(sizes)("a wrong size: %s", (_, misuse, message) => check(misuse, message));
test.each(indexErrors)("a wrong index: %s", (_, misuse, message) => check(misuse, message));
test.each(dtypes)("a wrong dtype or value: %s", (_, misuse, message) => check(misuse, message));
test.each(devices)("a wrong device: %s", (_, misuse, message) => check(misuse, message));
test.each(calls)("a wrong call: %s", (_, misuse, message) => check(misuse, message));
test.each(autograd)("against autograd's rules: %s", (_, misuse, message) => check(misuse, message));

test("a failing call leaves grad modes and generators alone", () => {
  torch.manualSeed(0);
  const expected = torch.rand(2).tolist();
  torch.manualSeed(0);
  expect(errorOf(() => torch.rand(-1))).toMatch(/^RuntimeError: /);
  expect(torch.rand(2).tolist()).toEqual(expected);
  expect(
    errorOf(() =>
      torch.noGrad(() => {
        throw new Error("mine");
      }),
    ),
  ).toBe("Error: mine");
  expect(torch.isGradEnabled()).toBe(true);
});
