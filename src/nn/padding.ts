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

/** Extends the last 1 dim with a value. */
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

/** Extends the last 2 dims with a value. */
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

/** Extends the last 3 dims with a value. */
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

/** Extends the last 1 dim by reflection. */
export class ReflectionPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/** Extends the last 2 dims by reflection. */
export class ReflectionPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/** Extends the last 3 dims by reflection. */
export class ReflectionPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReflectionPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "reflect");
  }
}

/** Extends the last 1 dim by repeating the border. */
export class ReplicationPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/** Extends the last 2 dims by repeating the border. */
export class ReplicationPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/** Extends the last 3 dims by repeating the border. */
export class ReplicationPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ReplicationPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "replicate");
  }
}

/** Extends the last 1 dim by going round. */
export class CircularPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/** Extends the last 2 dims by going round. */
export class CircularPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/** Extends the last 3 dims by going round. */
export class CircularPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("CircularPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "circular");
  }
}

/** Extends the last 1 dim with zeros. */
export class ZeroPad1d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad1d", "padding:ints", args).padding, 2));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}

/** Extends the last 2 dims with zeros. */
export class ZeroPad2d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad2d", "padding:ints", args).padding, 4));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}

/** Extends the last 3 dims with zeros. */
export class ZeroPad3d extends Pad {
  constructor(...args: Arguments<[padding: Sizes], "padding">) {
    super(tuple(read("ZeroPad3d", "padding:ints", args).padding, 6));
  }

  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, "constant", 0);
  }
}
