/** Stochastic gradient descent. */
import { check, ValueError } from "../core/errors.ts";
import { keep } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { add, load, mul } from "../ir/expr.ts";
import { read } from "../nn/arguments.ts";
import { Update } from "../ops/updates.ts";
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
 * Gradient descent: `lr` 1e-3, `momentum` 0, `dampening` 0, `weightDecay` 0, `nesterov` false. `step()` updates every
 * parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://proceedings.mlr.press/v28/sutskever13.html
 * @example
 * const optimizer = new optim.SGD([w], { lr: 0.5 });
 * w.sum().backward();
 * optimizer.step();
 * w.detach() // tensor([0.5000, 0.5000, 0.5000])
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
    const { momentum, dampening, weightDecay, lr, nesterov } = group as unknown as Required<SGDOptions>;
    const state = this.state.get(param) ?? {};
    const buffer = (state.momentum_buffer as Tensor | null | undefined) ?? null;
    const settings = { momentum, rest: 1 - dampening, weightDecay, step: -lr, nesterov };
    if (!fused(param, grad, buffer, settings)) state.momentum_buffer = composed(param, grad, buffer, settings);
    else state.momentum_buffer = buffer;
    this.state.set(param, state);
  }
}

interface Settings {
  readonly momentum: number;
  /** What remains of a gradient that enters the buffer. */
  readonly rest: number;
  readonly weightDecay: number;
  readonly step: number;
  readonly nesterov: boolean;
}

/** One step; returns the buffer. */
function composed(param: Tensor, grad: Tensor, buffer: Tensor | null, s: Settings): Tensor | null {
  let d = s.weightDecay === 0 ? grad : grad.add(param, { alpha: s.weightDecay });
  let kept = buffer;
  if (s.momentum !== 0) {
    if (kept === null) {
      kept = d.clone().detach();
      keep(kept);
    } else kept.mul_(s.momentum).add_(d, { alpha: s.rest });
    d = s.nesterov ? d.add(kept, { alpha: s.momentum }) : kept;
  }
  param.add_(d, { alpha: s.step });
  return kept;
}

/** The same step by one kernel: parameter and gradient, and the buffer where there is momentum; then four numbers. */
function fusedStep(kind: "plain" | "momentum" | "nesterov", decays: boolean): Update {
  const tensors = kind === "plain" ? 2 : 3;
  const [param, grad, buffer] = [load(0), load(1), load(2)];
  const [decay, step, momentum, rest] = [load(tensors), load(tensors + 1), load(tensors + 2), load(tensors + 3)];
  const d = decays ? add(grad, mul(param, decay)) : grad;
  const moved = add(mul(buffer, momentum), mul(d, rest));
  const along = { plain: d, momentum: moved, nesterov: add(d, mul(moved, momentum)) }[kind];
  const written = { tensor: 0, value: add(param, mul(along, step)), writes: 1 };
  return new Update(tensors, 4, kind === "plain" ? [written] : [written, { tensor: 2, value: moved, writes: 2 }]);
}

const fusedSteps = new Map<string, Update>();

/** Runs the fused step; false where there is no buffer yet, or the tensors do not fit. */
function fused(param: Tensor, grad: Tensor, buffer: Tensor | null, s: Settings): boolean {
  if (s.momentum !== 0 && buffer === null) return false;
  const kind = s.momentum === 0 ? "plain" : s.nesterov ? "nesterov" : "momentum";
  const decays = s.weightDecay !== 0;
  const key = `${kind} ${decays}`;
  const update = fusedSteps.get(key) ?? fusedStep(kind, decays);
  fusedSteps.set(key, update);
  const tensors = kind === "plain" || buffer === null ? [param, grad] : [param, grad, buffer];
  return update.run(tensors, [s.weightDecay, s.step, s.momentum, s.rest]);
}
