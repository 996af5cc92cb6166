/** The softmax family as `torch.nn.functional` has it: `dim` may be left out, with a warning. */
import type { DType } from "../../core/dtype.ts";
import type { Values } from "../../core/params.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { DTypeLike, Forms, OpInfo } from "../call.ts";
import { fn } from "../define.ts";
import { logSoftmax as logSoftmaxAlong, softmax as softmaxAlong } from "../softmax.ts";

/** `softmax(input, dim, _stacklevel, dtype)`. */
export interface SoftmaxFunction {
  (
    input: Tensor,
    ...args: Forms<
      [dim?: number | null, _stacklevel?: number, dtype?: DTypeLike | null],
      ["dim", "_stacklevel", "dtype"],
      unknown
    >
  ): Tensor;
  readonly op: OpInfo;
}

function dimOf(name: string, x: Tensor, v: Values): number {
  if (v.dim !== null) return v.dim as number;
  warn(
    "implicit-dim",
    `Implicit dimension choice for ${name} has been deprecated. Change the call to include dim=X as an argument.`,
  );
  return [0, 1, 3].includes(x.dim()) ? 0 : 1;
}

function family(
  name: string,
  pythonName: string,
  compute: (x: Tensor, dim: number, dtype: DType | null) => Tensor,
): SoftmaxFunction {
  return fn<SoftmaxFunction>(
    { name, params: "input:tensor dim:int?=null _stacklevel:int=3 dtype:dtype?=null" },
    (v) => {
      const input = v.input as Tensor;
      return compute(input, dimOf(pythonName, input, v), v.dtype as DType | null);
    },
  );
}

/**
 * `exp(x)` over its sum along `dim`.
 * Shapes and errors: those of `nn.Softmax`.
 * @example F.softmax(torch.tensor([0, 0]), 0) // tensor([0.5000, 0.5000])
 */
export const softmax: SoftmaxFunction = family("softmax", "softmax", (x, dim, dtype) => softmaxAlong(x, dim, dtype));

/**
 * `softmax(-x)`.
 * Shapes and errors: those of `nn.Softmin`.
 * @example F.softmin(torch.tensor([0, 1]), 0) // tensor([0.7311, 0.2689])
 */
export const softmin: SoftmaxFunction = family("softmin", "softmin", (x, dim, dtype) =>
  softmaxAlong(x.neg(), dim, dtype),
);

/**
 * The logarithm of `softmax`, without its overflow.
 * Shapes and errors: those of `nn.LogSoftmax`.
 * @example F.logSoftmax(torch.tensor([0, 0]), 0) // tensor([-0.6931, -0.6931])
 */
export const logSoftmax: SoftmaxFunction = family("logSoftmax", "log_softmax", (x, dim, dtype) =>
  logSoftmaxAlong(x, dim, dtype),
);
