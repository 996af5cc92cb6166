/** Stochastic gradient descent. */
import { check, ValueError } from "../core/errors.ts";
import { escape } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { read } from "../nn/arguments.ts";
import { inRange, Optimizer, type ParamGroup, type Params } from "./optimizer.ts";

/** Options of `SGD`. */
export interface SGDOptions {
  lr?: number;
  momentum?: number;
  dampening?: number;
  weightDecay?: number;
  nesterov?: boolean;
  maximize?: boolean;
  /** Accepted; the values are the same. */
  foreach?: boolean | null;
  differentiable?: boolean;
}

const params =
  "lr:float=0.001 momentum:float=0 dampening:float=0 weightDecay:float=0 nesterov:bool=false * maximize:bool=false " +
  "foreach:bool?=null differentiable:bool=false";

/**
 * Gradient descent, with momentum, weight decay and Nesterov's step.
 * @example new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
 */
export class SGD extends Optimizer {
  constructor(parameters: Params, ...args: [options?: SGDOptions] | [lr: number, ...rest: unknown[]]) {
    const v = read("SGD", params, args);
    inRange((v.lr as number) >= 0, "learning rate", v.lr);
    inRange((v.momentum as number) >= 0, "momentum value", v.momentum);
    inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
    check(
      !v.nesterov || ((v.momentum as number) > 0 && v.dampening === 0),
      () => "Nesterov momentum requires a momentum and zero dampening",
      ValueError,
    );
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const { momentum, dampening, weightDecay, lr } = group as unknown as Required<SGDOptions>;
    let d = weightDecay === 0 ? grad : grad.add(param, { alpha: weightDecay });
    const state = this.state.get(param) ?? {};
    let buffer = (state.momentum_buffer as Tensor | null | undefined) ?? null;
    if (momentum !== 0) {
      if (buffer === null) {
        buffer = d.clone().detach();
        escape(buffer);
      } else buffer.mul_(momentum).add_(d, { alpha: 1 - dampening });
      d = group.nesterov === true ? d.add(buffer, { alpha: momentum }) : buffer;
    }
    param.add_(d, { alpha: -lr });
    state.momentum_buffer = buffer;
    this.state.set(param, state);
  }
}
