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

/** Sets elements to 0 at random in training, and scales the others up. */
export class Dropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout(input, this.p, this.training, this.inplace);
  }
}

/** Sets whole channels of sequences to 0 at random in training. */
export class Dropout1d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout1d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout1d(input, this.p, this.training, this.inplace);
  }
}

/** Sets whole channels of images to 0 at random in training. */
export class Dropout2d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout2d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout2d(input, this.p, this.training, this.inplace);
  }
}

/** Sets whole channels of volumes to 0 at random in training. */
export class Dropout3d extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("Dropout3d", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.dropout3d(input, this.p, this.training, this.inplace);
  }
}

/** Dropout that keeps mean and variance, for SELU. */
export class AlphaDropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("AlphaDropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.alphaDropout(input, this.p, this.training, this.inplace);
  }
}

/** Alpha dropout of whole channels. */
export class FeatureAlphaDropout extends AnyDropout {
  constructor(...args: DropoutArguments) {
    super(read("FeatureAlphaDropout", params, args));
  }

  forward(input: Tensor): Tensor {
    return F.featureAlphaDropout(input, this.p, this.training, this.inplace);
  }
}
