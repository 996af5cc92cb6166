/** Elementwise choices: `where` and `maskedFill`. */
import { bool, type DType, uint8 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { cNames } from "../../core/sampling.ts";
import type { Operand, Scalar } from "../../core/scalar.ts";
import { isTensor, type Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import * as ir from "../../ir/expr.ts";
import type { OpInfo, OpInplace } from "../call.ts";
import { custom, elementwise, needTensor } from "../define.ts";
import { nonzeroColumns } from "../indexing.ts";
import { kernel, scalarTo } from "./kernel.ts";

/** `where(condition, input, other)`, and `where(condition)`. */
export interface Where {
  /** The positions of elements that are not 0, one index tensor per dim. */
  (condition: Tensor): Tensor[];
  /** Elements of `input` where the condition holds, else of `other`. */
  (condition: Tensor, input: Operand, other: Operand): Tensor;
  /** The method's arguments; no call fits this form. */
  (receiver: never, condition: Tensor, other: Operand): Tensor;
  readonly op: OpInfo;
}

const chosen = kernel("where", 3, (_, a, b) => ir.select(ir.loadBool(0), a!, b!));

/**
 * Elements of `input` where the condition holds, else of `other`; the condition alone gives its positions. Broadcast.
 * `x.where(condition, other)` is the method.
 * @throws RuntimeError for a condition that is not bool.
 * @example torch.where(torch.tensor([true, false]), torch.tensor([1, 2]), 0) // tensor([1., 0.])
 */
export const where: Where = custom(
  { name: "where", params: ["input:operand other:operand", ""], receiver: 1 },
  (condition, v, which) => {
    if (which === 1) return nonzeroColumns(condition);
    check(
      condition.dtype === bool || condition.dtype === uint8,
      () =>
        "where expected condition to be a boolean tensor, but got a tensor with dtype " +
        `${condition.dtype.scalarName}`,
    );
    if (condition.dtype === uint8) {
      warn(
        "where.uint8",
        "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version " +
          "of PyTorch. Use a boolean condition instead.",
      );
    }
    return chosen.apply([condition, v.input as Operand, v.other as Operand]);
  },
);

const fill = (node: number) =>
  kernel("maskedFill", 3, (x, _, value) => ir.select(ir.loadBool(1), value!, x!), {
    node: `MaskedFillBackward${node}`,
  });
const [fillScalar, fillTensor] = [fill(0), fill(1)];

function fillValue(value: Operand, dtype: DType): Operand {
  if (!isTensor(value)) return scalarTo(value as Scalar, dtype);
  check(
    value.dim() === 0,
    () => `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.dim()} dimension(s).`,
  );
  return value.dtype === dtype ? value : value.to(dtype);
}

/**
 * `value` where the mask holds, else the element. The mask is bool and broadcast; `value` a number or a tensor without
 * dims.
 * @throws RuntimeError for a mask that is not bool.
 * @example torch.tensor([1, 2]).maskedFill(torch.tensor([true, false]), 0) // tensor([0., 2.])
 */
export const maskedFill: OpInplace<[mask: Tensor, value: Operand], "mask value"> = elementwise({
  name: "maskedFill",
  params: "mask:tensor value:operand",
  kernel: (self, v) => {
    const mask = v.mask as Tensor;
    const { dtype } = needTensor("maskedFill", self);
    check(
      mask.dtype === bool,
      () => `masked_fill_ only supports boolean masks, but got mask with dtype ${cNames[mask.dtype.name]}`,
    );
    const value = fillValue(v.value as Operand, dtype);
    return { kernel: isTensor(value) ? fillTensor : fillScalar, operands: [self, mask, value] };
  },
});
