/** `torch.nn.init`: fills tensors with initial values, drawn as PyTorch draws them. */
import { noGrad } from "../autograd/mode.ts";
import { check, ValueError } from "../core/errors.ts";
import type { Generator } from "../core/generator.ts";
import { product } from "../core/layout.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";

/** Functions whose gain is known. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "conv_transpose1d"
  | "conv_transpose2d"
  | "conv_transpose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leaky_relu"
  | "selu";

/** Whether the variance is kept forward or backward. */
export type FanMode = "fan_in" | "fan_out";

/**
 * The factor by which a nonlinearity changes the standard deviation: `"relu"` √2, `"tanh"` 5/3, `"leaky_relu"` √(2 / (1
 * + param²)), `"selu"` 3/4, else 1.
 * @throws ValueError for another name.
 * @example nn.init.calculateGain("tanh") // 1.6666666666666667
 */
export function calculateGain(nonlinearity: Nonlinearity, param?: number | null): number {
  switch (nonlinearity) {
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.sqrt(2);
    case "leaky_relu": {
      const slope = param ?? 0.01;
      check(typeof slope === "number", () => `negative_slope ${slope} not a valid number`, ValueError);
      return Math.sqrt(2 / (1 + slope ** 2));
    }
    case "selu":
      return 3 / 4;
    case "sigmoid":
      return 1;
  }
  check(
    /^(linear|conv(_transpose)?[123]d)$/.test(nonlinearity),
    () => `Unsupported nonlinearity ${nonlinearity}`,
    ValueError,
  );
  return 1;
}

/** How a fill draws. */
export interface InitOptions {
  generator?: Generator | null;
}

function generatorOf(options: InitOptions | undefined): { generator: Generator | null } {
  return { generator: options?.generator ?? null };
}

/**
 * Uniform draws from [a, b), 0 and 1 by default. Fills in place, without autograd, and returns the tensor.
 * @example nn.init.uniform_(torch.empty(2), 3, 3) // tensor([3., 3.])
 */
export function uniform_(tensor: Tensor, a = 0, b = 1, options?: InitOptions): Tensor {
  return noGrad(() => tensor.uniform_(a, b, generatorOf(options)));
}

/**
 * Normal draws of mean 0 and standard deviation 1, or as given. Fills in place, without autograd, and returns the
 * tensor.
 * @example nn.init.normal_(torch.empty(2), 3, 0) // tensor([3., 3.])
 */
export function normal_(tensor: Tensor, mean = 0, std = 1, options?: InitOptions): Tensor {
  return noGrad(() => tensor.normal_(mean, std, generatorOf(options)));
}

/**
 * Normal draws from within [a, b], -2 and 2 by default. Fills in place, without autograd, and returns the tensor.
 * @example nn.init.truncNormal_(torch.empty(100)).abs().le(2).all() // tensor(True)
 */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, a = -2, b = 2, options?: InitOptions): Tensor {
  if (mean < a - 2 * std || mean > b + 2 * std) {
    warn(
      "trunc-normal",
      "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
    );
  }
  return noGrad(() => {
    const low = normalCdf((a - mean) / std);
    const high = normalCdf((b - mean) / std);
    tensor.uniform_(2 * low - 1, 2 * high - 1, generatorOf(options));
    tensor.erfinv_();
    return tensor
      .mul_(std * Math.SQRT2)
      .add_(mean)
      .clamp_(a, b);
  });
}

function normalCdf(x: number): number {
  return (1 + erf(x / Math.SQRT2)) / 2;
}

/** The error function: its series near 0, its continued fraction further out; to about 1e-16. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + fraction) * Math.sqrt(Math.PI)));
}

/**
 * One value. Fills in place, without autograd, and returns the tensor.
 * @example nn.init.constant_(torch.empty(2), 0.5) // tensor([0.5000, 0.5000])
 */
export function constant_(tensor: Tensor, val: number): Tensor {
  return noGrad(() => tensor.fill_(val));
}

/**
 * Ones. Fills in place, without autograd, and returns the tensor.
 * @example nn.init.ones_(torch.empty(2)) // tensor([1., 1.])
 */
export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/**
 * Zeros. Fills in place, without autograd, and returns the tensor.
 * @example nn.init.zeros_(torch.empty(2)) // tensor([0., 0.])
 */
export function zeros_(tensor: Tensor): Tensor {
  return noGrad(() => tensor.zero_());
}

/**
 * The identity matrix. Fills in place, without autograd, and returns the tensor.
 * @throws ValueError unless there are two dims.
 * @example nn.init.eye_(torch.empty(2, 2)) // tensor([[1., 0.], [0., 1.]])
 */
export function eye_(tensor: Tensor): Tensor {
  check(tensor.dim() === 2, () => "Only tensors with 2 dimensions are supported", ValueError);
  return noGrad(() => {
    tensor.zero_();
    tensor.diagonal().fill_(1);
    return tensor;
  });
}

/**
 * A convolution's weight that passes its inputs on. Fills in place, without autograd, and returns the tensor.
 * @throws ValueError unless there are 3, 4 or 5 dims, or where channels cannot be divided by `groups`.
 * @example nn.init.dirac_(torch.empty(1, 1, 3)) // tensor([[[0., 1., 0.]]])
 */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const rank = tensor.dim();
  check([3, 4, 5].includes(rank), () => "Only tensors with 3, 4, or 5 dimensions are supported", ValueError);
  const [out = 0, inputs = 0, ...kernel] = tensor.shape;
  check(out % groups === 0, () => "dim 0 must be divisible by groups", ValueError);
  const perGroup = out / groups;
  return noGrad(() => {
    tensor.zero_();
    const middle = kernel.map((n) => Math.floor(n / 2));
    for (let g = 0; g < groups; g++) {
      for (let d = 0; d < Math.min(perGroup, inputs); d++) tensor.setAt([g * perGroup + d, d, ...middle], 1);
    }
    return tensor;
  });
}

/**
 * The inputs and outputs that a weight connects.
 * @example nn.init._calculateFanInAndFanOut(torch.ones(5, 3)) // [ 3, 5 ]
 */
export function _calculateFanInAndFanOut(tensor: Tensor): [fanIn: number, fanOut: number] {
  check(
    tensor.dim() >= 2,
    () => "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
    ValueError,
  );
  const [out = 0, inputs = 0, ...kernel] = tensor.shape;
  const field = product(kernel);
  return [inputs * field, out * field];
}

function fan(tensor: Tensor, mode: FanMode): number {
  const name = mode.toLowerCase();
  check(
    name === "fan_in" || name === "fan_out",
    () => `Mode ${name} not supported, please use one of ['fan_in', 'fan_out']`,
    ValueError,
  );
  return _calculateFanInAndFanOut(tensor)[name === "fan_in" ? 0 : 1];
}

/**
 * Glorot's uniform initialisation: from ±gain * √(6 / (fanIn + fanOut)). Fills in place, without autograd, and returns
 * the tensor.
 * @throws ValueError for fewer than two dims.
 * @see https://proceedings.mlr.press/v9/glorot10a.html
 * @example nn.init.xavierUniform_(torch.empty(3, 3)).abs().le(1).all() // tensor(True)
 */
export function xavierUniform_(tensor: Tensor, gain = 1, options?: InitOptions): Tensor {
  const [fanIn, fanOut] = _calculateFanInAndFanOut(tensor);
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut));
  return uniform_(tensor, -bound, bound, options);
}

/**
 * Glorot's normal initialisation: standard deviation gain * √(2 / (fanIn + fanOut)). Fills in place, without autograd,
 * and returns the tensor.
 * @throws ValueError for fewer than two dims.
 * @see https://proceedings.mlr.press/v9/glorot10a.html
 * @example nn.init.xavierNormal_(torch.empty(3, 3)).shape // torch.Size([3, 3])
 */
export function xavierNormal_(tensor: Tensor, gain = 1, options?: InitOptions): Tensor {
  const [fanIn, fanOut] = _calculateFanInAndFanOut(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

/** Arguments of He's initialisations, also as an object. */
export interface KaimingOptions extends InitOptions {
  a?: number;
  mode?: FanMode;
  nonlinearity?: Nonlinearity;
}

type Kaiming = [a?: number | KaimingOptions, mode?: FanMode, nonlinearity?: Nonlinearity];

function kaiming([first, mode, nonlinearity]: Kaiming): Required<Omit<KaimingOptions, "generator">> & InitOptions {
  const named = typeof first === "object" ? first : { a: first ?? 0, ...(mode === undefined ? {} : { mode }) };
  return {
    a: named.a ?? 0,
    mode: named.mode ?? mode ?? "fan_in",
    nonlinearity: (named as KaimingOptions).nonlinearity ?? nonlinearity ?? "leaky_relu",
    generator: (named as KaimingOptions).generator ?? null,
  };
}

function isEmpty(tensor: Tensor): boolean {
  if (!tensor.shape.includes(0)) return false;
  warn("init-empty", "Initializing zero-element tensors is a no-op");
  return true;
}

/**
 * He's uniform initialisation: from ±gain * √(3 / fan), `fan` being the inputs, or with `mode: "fan_out"` the outputs;
 * the gain is that of `nonlinearity` (`"leaky_relu"`) with slope `a` (0). Fills in place, without autograd, and returns
 * the tensor.
 * @throws ValueError for fewer than two dims.
 * @see https://arxiv.org/abs/1502.01852
 * @example nn.init.kaimingUniform_(torch.empty(2, 6), { nonlinearity: "relu" }).abs().le(1).all() // tensor(True)
 */
export function kaimingUniform_(tensor: Tensor, ...args: Kaiming): Tensor {
  if (isEmpty(tensor)) return tensor;
  const { a, mode, nonlinearity, ...options } = kaiming(args);
  const std = calculateGain(nonlinearity, a) / Math.sqrt(fan(tensor, mode));
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, options);
}

/**
 * He's normal initialisation: standard deviation gain / √fan, `fan` being the inputs, or with `mode: "fan_out"` the
 * outputs; the gain is that of `nonlinearity` (`"leaky_relu"`) with slope `a` (0). Fills in place, without autograd,
 * and returns the tensor.
 * @throws ValueError for fewer than two dims.
 * @see https://arxiv.org/abs/1502.01852
 * @example nn.init.kaimingNormal_(torch.empty(2, 6)).shape // torch.Size([2, 6])
 */
export function kaimingNormal_(tensor: Tensor, ...args: Kaiming): Tensor {
  if (isEmpty(tensor)) return tensor;
  const { a, mode, nonlinearity, ...options } = kaiming(args);
  return normal_(tensor, 0, calculateGain(nonlinearity, a) / Math.sqrt(fan(tensor, mode)), options);
}

/**
 * A (semi) orthogonal matrix times `gain`, made of normal draws; dims after the first count as one. Fills in place,
 * without autograd, and returns the tensor.
 * @throws ValueError for fewer than two dims.
 * @see https://arxiv.org/abs/1312.6120
 * @example
 * const q = nn.init.orthogonal_(torch.empty(3, 3));
 * torch.allclose(q.mm(q.T), torch.eye(3), { atol: 1e-5 }) // true
 */
export function orthogonal_(tensor: Tensor, gain = 1, options?: InitOptions): Tensor {
  check(tensor.dim() >= 2, () => "Only tensors with 2 or more dimensions are supported", ValueError);
  if (tensor.numel() === 0 || tensor.device.type === "meta") return tensor;
  const rows = tensor.shape[0]!;
  const size = [rows, tensor.numel() / rows];
  return noGrad(() => {
    const drawn = tensor.newEmpty(size).normal_(0, 1, generatorOf(options));
    const wide = size[0]! < size[1]!;
    const columns = (wide ? drawn : drawn.t()).double().tolist() as number[][];
    const basis = tensor.newTensor(orthonormal(columns));
    return tensor.copy_((wide ? basis : basis.t()).reshape(tensor.shape)).mul_(gain);
  });
}

/**
 * The vectors made orthonormal one after another (Gram and Schmidt, twice for accuracy): the Q of the QR decomposition
 * whose R has a positive diagonal, which is what PyTorch makes of its QR.
 */
function orthonormal(vectors: readonly number[][]): number[][] {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const basis: number[][] = [];
  for (const vector of vectors) {
    let rest = vector;
    for (const e of [...basis, ...basis]) {
      const along = dot(rest, e);
      rest = rest.map((x, i) => x - along * e[i]!);
    }
    const length = Math.sqrt(dot(rest, rest));
    basis.push(rest.map((x) => x / length));
  }
  return basis;
}

/**
 * Normal draws, of which a fraction `sparsity` of every column is 0. Fills in place, without autograd, and returns the
 * tensor.
 * @throws ValueError unless there are two dims.
 * @example nn.init.sparse_(torch.empty(4, 1), 0.5).eq(0).sum() // tensor(2)
 */
export function sparse_(tensor: Tensor, sparsity: number, std = 0.01, options?: InitOptions): Tensor {
  check(tensor.dim() === 2, () => "Only tensors with 2 dimensions are supported", ValueError);
  const [rows = 0, columns = 0] = tensor.shape;
  const zeros = Math.ceil(sparsity * rows);
  return noGrad(() => {
    tensor.normal_(0, std, generatorOf(options));
    for (let column = 0; column < columns; column++) {
      const order = tensor.newEmpty([rows]).uniform_(0, 1, generatorOf(options)).argsort();
      tensor.setAt([order.narrow(0, 0, zeros), column], 0);
    }
    return tensor;
  });
}
