/** Layers that extend their input beyond its borders. */
import { repr } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { type Arguments, read, showTuple, tuple } from "./arguments.ts";
import type { Sizes } from "./conv.ts";
import * as F from "./functional.ts";
import { Module } from "./module.ts";

/** What all of them share: how far to go on both sides of each dim, the last dim first. */
abstract class Pad extends Module {
  readonly padding: number[];

  constructor(padding: number[]) {
    super();
    this.padding = padding;
  }

  override extraRepr(): string {
    return showTuple(this.padding);
  }
}

/**
 * Extends the last dim with `value`: `padding` is one number for all sides, or `[left, right]`; negative ones crop.
 * @example new nn.ConstantPad1d(1, 0)(torch.tensor([[1, 2, 3]])) // tensor([[0., 1., 2., 3., 0.]])
 */
export class ConstantPad1d extends Pad {
  readonly value: number;

  constructor(...args: Arguments<[padding: Sizes, value: number], "padding value">) {
    const v = read("ConstantPad1d", "padding:ints value:float", args);
    super(tuple(v.padding, 2));
    this.value = v.value as number;
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", this.value);
  }

  override extraRepr(): string {
    return `padding=${showTuple(this.padding)}, value=${repr(this.value)}`;
  }
}

/**
 * Extends the last two dims with `value`: `padding` is one number for all sides, or `[left, right, top, bottom]`;
 * negative ones crop.
 * @example new nn.ConstantPad2d(1, 0)(torch.rand(1, 4, 4)).shape // torch.Size([1, 6, 6])
 */
export class ConstantPad2d extends Pad {
  readonly value: number;

  constructor(...args: Arguments<[padding: Sizes, value: number], "padding value">) {
    const v = read("ConstantPad2d", "padding:ints value:float", args);
    super(tuple(v.padding, 4));
    this.value = v.value as number;
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", this.value);
  }

  override extraRepr(): string {
    return `padding=${showTuple(this.padding)}, value=${repr(this.value)}`;
  }
}

/**
 * Extends the last three dims with `value`: `padding` is one number for all sides, or `[left, right, top, bottom,
 * front, back]`; negative ones crop.
 * @example new nn.ConstantPad3d(1, 0)(torch.rand(1, 4, 4, 4)).shape // torch.Size([1, 6, 6, 6])
 */
export class ConstantPad3d extends Pad {
  readonly value: number;

  constructor(...args: Arguments<[padding: Sizes, value: number], "padding value">) {
    const v = read("ConstantPad3d", "padding:ints value:float", args);
    super(tuple(v.padding, 6));
    this.value = v.value as number;
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", this.value);
  }

  override extraRepr(): string {
    return `padding=${showTuple(this.padding)}, value=${repr(this.value)}`;
  }
}

/**
 * Extends the last dim by reflection, without repeating the border: `padding` is one number for all sides, or `[left,
 * right]`.
 * @throws RuntimeError where padding is not less than the size.
 * @example new nn.ReflectionPad1d(1)(torch.tensor([[1, 2, 3]])) // tensor([[2., 1., 2., 3., 2.]])
 */
export class ReflectionPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/**
 * Extends the last two dims by reflection, without repeating the border: `padding` is one number for all sides, or
 * `[left, right, top, bottom]`.
 * @throws RuntimeError where padding is not less than the size.
 * @example new nn.ReflectionPad2d(1)(torch.rand(1, 4, 4)).shape // torch.Size([1, 6, 6])
 */
export class ReflectionPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/**
 * Extends the last three dims by reflection, without repeating the border: `padding` is one number for all sides, or
 * `[left, right, top, bottom, front, back]`.
 * @throws RuntimeError where padding is not less than the size.
 * @example new nn.ReflectionPad3d(1)(torch.rand(1, 4, 4, 4)).shape // torch.Size([1, 6, 6, 6])
 */
export class ReflectionPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/**
 * Extends the last dim by repeating the border: `padding` is one number for all sides, or `[left, right]`.
 * @example new nn.ReplicationPad1d(1)(torch.tensor([[1, 2, 3]])) // tensor([[1., 1., 2., 3., 3.]])
 */
export class ReplicationPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/**
 * Extends the last two dims by repeating the border: `padding` is one number for all sides, or `[left, right, top,
 * bottom]`.
 * @example new nn.ReplicationPad2d(1)(torch.rand(1, 4, 4)).shape // torch.Size([1, 6, 6])
 */
export class ReplicationPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/**
 * Extends the last three dims by repeating the border: `padding` is one number for all sides, or `[left, right, top,
 * bottom, front, back]`.
 * @example new nn.ReplicationPad3d(1)(torch.rand(1, 4, 4, 4)).shape // torch.Size([1, 6, 6, 6])
 */
export class ReplicationPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/**
 * Extends the last dim by going round: `padding` is one number for all sides, or `[left, right]`.
 * @throws RuntimeError where padding is greater than the size.
 * @example new nn.CircularPad1d(1)(torch.tensor([[1, 2, 3]])) // tensor([[3., 1., 2., 3., 1.]])
 */
export class CircularPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/**
 * Extends the last two dims by going round: `padding` is one number for all sides, or `[left, right, top, bottom]`.
 * @throws RuntimeError where padding is greater than the size.
 * @example new nn.CircularPad2d(1)(torch.rand(1, 4, 4)).shape // torch.Size([1, 6, 6])
 */
export class CircularPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/**
 * Extends the last three dims by going round: `padding` is one number for all sides, or `[left, right, top, bottom,
 * front, back]`.
 * @throws RuntimeError where padding is greater than the size.
 * @example new nn.CircularPad3d(1)(torch.rand(1, 4, 4, 4)).shape // torch.Size([1, 6, 6, 6])
 */
export class CircularPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/**
 * Extends the last dim with zeros: `padding` is one number for all sides, or `[left, right]`; negative ones crop.
 * @example new nn.ZeroPad1d(1)(torch.tensor([[1, 2, 3]])) // tensor([[0., 1., 2., 3., 0.]])
 */
export class ZeroPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}

/**
 * Extends the last two dims with zeros: `padding` is one number for all sides, or `[left, right, top, bottom]`;
 * negative ones crop.
 * @example new nn.ZeroPad2d(1)(torch.rand(1, 4, 4)).shape // torch.Size([1, 6, 6])
 */
export class ZeroPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}

/**
 * Extends the last three dims with zeros: `padding` is one number for all sides, or `[left, right, top, bottom, front,
 * back]`; negative ones crop.
 * @example new nn.ZeroPad3d(1)(torch.rand(1, 4, 4, 4)).shape // torch.Size([1, 6, 6, 6])
 */
export class ZeroPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}
