/** Dropout layers. */
import { check, ValueError } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import { repr } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { type Arguments, read } from "./arguments.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";

/** The probability of an element to become 0, and whether to write over the input. */
export type DropoutArguments = Arguments<[p?: number, inplace?: boolean], "p inplace">;

const params = "p:float=0.5 inplace:bool=false";

/** What all of them share. */
abstract class AnyDropout extends Module {
  readonly p: number;
  readonly inplace: boolean;

  constructor(v: Values) {
    super();
    this.p = v.p as number;
    this.inplace = v.inplace as boolean;
    check(
      this.p >= 0 && this.p <= 1,
      () => `dropout probability has to be between 0 and 1, but got ${this.p}`,
      ValueError,
    );
  }

  override extraRepr(): string {
    return `p=${repr(this.p)}, inplace=${this.inplace ? "True" : "False"}`;
  }
}

/**
 * Sets elements to 0. In training with chance `p` (0.5), and scales the others up by `1 / (1 - p)`; in `eval()` it does
 * nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @see https://arxiv.org/abs/1207.0580
 * @example
 * const dropout = new nn.Dropout(0.5);
 * dropout(torch.ones(1000)).unique() // tensor([0., 2.])
 * dropout.eval()(torch.ones(2)) // tensor([1., 1.])
 */
export class Dropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout(input, this.p, this.training, this.inplace);
  }
}

/**
 * Sets whole channels of `[N, C, L]` or `[C, L]` to 0. In training with chance `p` (0.5), and scales the others up by
 * `1 / (1 - p)`; in `eval()` it does nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @see https://arxiv.org/abs/1207.0580
 * @example new nn.Dropout1d()(torch.ones(2, 3, 4)).shape // torch.Size([2, 3, 4])
 */
export class Dropout1d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout1d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout1d(input, this.p, this.training, this.inplace);
  }
}

/**
 * Sets whole channels of `[N, C, H, W]` or `[C, H, W]` to 0. In training with chance `p` (0.5), and scales the others
 * up by `1 / (1 - p)`; in `eval()` it does nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @see https://arxiv.org/abs/1207.0580
 * @example new nn.Dropout2d()(images).shape // torch.Size([8, 1, 28, 28])
 */
export class Dropout2d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout2d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout2d(input, this.p, this.training, this.inplace);
  }
}

/**
 * Sets whole channels of `[N, C, D, H, W]` or `[C, D, H, W]` to 0. In training with chance `p` (0.5), and scales the
 * others up by `1 / (1 - p)`; in `eval()` it does nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @see https://arxiv.org/abs/1207.0580
 * @example new nn.Dropout3d()(torch.ones(1, 2, 2, 2, 2)).shape // torch.Size([1, 2, 2, 2, 2])
 */
export class Dropout3d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout3d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout3d(input, this.p, this.training, this.inplace);
  }
}

/**
 * Dropout that keeps mean and variance, for SELU: dropped elements become SELU's lower bound, and all are then scaled
 * and shifted. In `eval()` it does nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @see https://arxiv.org/abs/1706.02515
 * @example new nn.AlphaDropout(0.2).eval()(torch.ones(2)) // tensor([1., 1.])
 */
export class AlphaDropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("AlphaDropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.alphaDropout(input, this.p, this.training, this.inplace);
  }
}

/**
 * Alpha dropout of whole channels of `[N, C, ...]`. In `eval()` it does nothing.
 * @throws ValueError "dropout probability has to be between 0 and 1".
 * @example new nn.FeatureAlphaDropout(0.2).eval()(torch.ones(1, 2)) // tensor([[1., 1.]])
 */
export class FeatureAlphaDropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("FeatureAlphaDropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, this.p, this.training, this.inplace);
  }
}
