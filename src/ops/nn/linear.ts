/** Linear and bilinear maps. */
import { check } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { OpInfo } from "../call.ts";
import { fn } from "../define.ts";
import { einsum } from "../einsum.ts";

/** `linear(input, weight, bias)`. */
export interface Linear {
  (input: Tensor, weight: Tensor, bias?: Tensor | null): Tensor;
  readonly op: OpInfo;
}

/**
 * `input @ weight.T + bias`; weight is [out, in], or [in] for one output without its dim.
 * Shapes and errors: those of `nn.Linear`.
 * @example F.linear(x, torch.ones(2, 3)) // tensor([[ 3., 3.], [12., 12.]])
 */
export const linear: Linear = fn<Linear>(
  { name: "linear", params: "input:tensor weight:tensor bias:tensor?=null" },
  (v) => {
    const [input, weight, bias] = [v.input as Tensor, v.weight as Tensor, v.bias as Tensor | null];
    if (bias === null) return input.matmul(weight.dim() === 2 ? weight.t() : weight);
    if (input.dim() === 2) return bias.addmm(input, weight.t());
    if (input.dim() > 2 && input.isContiguous() && weight.dim() === 2) {
      const { shape } = input.impl.layout;
      const flat = input.view(-1, shape.at(-1)!);
      return bias.addmm(flat, weight.t()).view([...shape.slice(0, -1), weight.impl.layout.shape[0]!]);
    }
    return input.matmul(weight.dim() === 2 ? weight.t() : weight).add(bias);
  },
);

/** `bilinear(input1, input2, weight, bias)`. */
export interface Bilinear {
  (input1: Tensor, input2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor;
  readonly op: OpInfo;
}

/**
 * `out[…, o] = Σ input1[…, i] · weight[o, i, j] · input2[…, j] + bias[o]`.
 * Shapes and errors: those of `nn.Bilinear`.
 * @example torch.bilinear(torch.ones(2, 3), torch.ones(2, 4), torch.ones(5, 3, 4)).shape // torch.Size([2, 5])
 */
export const bilinear: Bilinear = fn<Bilinear>(
  { name: "bilinear", params: "input1:tensor input2:tensor weight:tensor bias:tensor?=null" },
  (v) => {
    const [a, b, weight, bias] = [v.input1 as Tensor, v.input2 as Tensor, v.weight as Tensor, v.bias as Tensor | null];
    check(a.dim() === b.dim(), () => `bilinear(): input dimensions do not match: got ${a.dim()} and ${b.dim()}`);
    a.shape.slice(0, -1).forEach((n, d) => {
      check(
        n === b.shape[d],
        () => `bilinear(): input batch dimensions do not match at dim ${d}: got ${n} and ${b.shape[d]}`,
      );
    });
    check(
      a.shape.at(-1) === weight.shape[1],
      () => `bilinear(): input1 size does not match weight size: got ${a.shape.at(-1)} but expected ${weight.shape[1]}`,
    );
    check(
      b.shape.at(-1) === weight.shape[2],
      () => `bilinear(): input2 size does not match weight size: got ${b.shape.at(-1)} but expected ${weight.shape[2]}`,
    );
    check(
      bias === null || bias.shape[0] === weight.shape[0],
      () => `bilinear(): bias size does not match weight size: got ${bias!.shape[0]} but expected ${weight.shape[0]}`,
    );
    const out = einsum("...i,oij,...j->...o", a, weight, b);
    return bias === null ? out : out.add(bias);
  },
);
