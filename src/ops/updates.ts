/**
 * In-place updates of several tensors by one kernel: a second, faster lowering of a sequence of in-place operators,
 * which gives the same bits. Where operands do not fit, the sequence runs.
 */
import { checkInplace } from "../autograd/inplace.ts";
import { mode } from "../autograd/mode.ts";
import type { Lane } from "../core/dtype.ts";
import { equalShapes } from "../core/layout.ts";
import { heap } from "../core/memory.ts";
import { bump, type Tensor } from "../core/tensor.ts";
import type { Expr } from "../ir/expr.ts";
import type { UpdateKernel, UpdateRun } from "../ir/kernel.ts";
import { Runners } from "../ir/runtime.ts";
import { addressOf, isMeta, withOperands } from "./operands.ts";
import { isWide, placeNumber } from "./rows.ts";

/** One of the tensors after the update, over all tensors and then the numbers as they were before. */
export interface Written {
  readonly tensor: number;
  readonly value: Expr;
  /** How many in-place operators of the sequence write it: its version grows by as much. */
  readonly writes: number;
}

/** An update of some of `tensors` tensors, by `numbers` numbers. */
export class Update {
  readonly #tensors: number;
  readonly #numbers: number;
  readonly #written: readonly Written[];
  readonly #runs = new Runners<UpdateKernel>();

  constructor(tensors: number, numbers: number, written: readonly Written[]) {
    this.#tensors = tensors;
    this.#numbers = numbers;
    this.#written = written;
  }

  /** Updates, or returns false where the operands do not fit or the update would have to be recorded. */
  run(tensors: readonly Tensor[], numbers: readonly number[]): boolean {
    if (mode.grad || !alike(tensors)) return false;
    const { dtype, layout } = tensors[0]!.impl;
    for (const { tensor } of this.#written) checkInplace(tensors[tensor]!, false);
    const run = this.#compiled(dtype.lane);
    numbers.forEach((value, k) => {
      placeNumber(value, k, dtype);
    });
    withOperands(() => {
      const outputs = this.#written.map(({ tensor }) => addressOf(tensors[tensor]!, true));
      const inputs = tensors.map((t) => addressOf(t));
      run(layout.numel, outputs, inputs, heap().scratch);
    });
    for (const { tensor, writes } of this.#written) for (let k = 0; k < writes; k++) bump(tensors[tensor]!);
    return true;
  }

  #compiled(lane: Lane): UpdateRun {
    const wide = lane === "f64";
    return this.#runs.get(wide ? 1 : 0, () => ({
      skeleton: "update",
      lane: wide ? "f64" : "f32",
      inputs: this.#tensors,
      scalars: this.#numbers,
      outputs: this.#written.map(({ value }) => value),
    }));
  }
}

/** Whether all lie in the same way, without gaps, each in a storage of its own. */
function alike(tensors: readonly Tensor[]): boolean {
  const { dtype, layout } = tensors[0]!.impl;
  if (!isWide(dtype) || layout.numel === 0 || !layout.dense || isMeta(tensors[0]!)) return false;
  return tensors.every((t, i) => {
    const own = t.impl.layout;
    if (t.impl.dtype !== dtype || t.device !== tensors[0]!.device || !own.sameShape(layout)) return false;
    if (!(own.contiguous && layout.contiguous) && !equalShapes(own.strides, layout.strides)) return false;
    return tensors.findIndex((other) => other.impl.storage === t.impl.storage) === i;
  });
}
