/** Adam and its kin: steps scaled by running means of the gradients and of their squares. */
import { keep } from "../core/scope.ts";
import type { Tensor } from "../core/tensor.ts";
import { add, div, type Expr, load, mul, sqrt } from "../ir/expr.ts";
import { read } from "../nn/arguments.ts";
import { Update } from "../ops/updates.ts";
import { count, counter, inRange, Optimizer, type ParamGroup, type Params, zeros } from "./optimizer.ts";

/** The decay rates of the two running means. */
export type Betas = readonly [number, number];

/** Options of `Adam` and `AdamW`. */
export interface AdamOptions {
  lr?: number;
  betas?: Betas;
  eps?: number;
  weightDecay?: number;
  amsgrad?: boolean;
  maximize?: boolean;
  /** Accepted; the values are the same. */
  foreach?: boolean | null;
  capturable?: boolean;
  differentiable?: boolean;
  fused?: boolean | null;
}

/** Positional arguments, or one object. */
export type AdamArguments<O> = [options?: O] | [lr: number, ...rest: unknown[]];

interface AdamState {
  step: Tensor;
  exp_avg: Tensor;
  exp_avg_sq: Tensor;
  max_exp_avg_sq?: Tensor;
  [key: string]: unknown;
}

const flags =
  "maximize:bool=false foreach:bool?=null capturable:bool=false differentiable:bool=false fused:bool?=false";

/** Throws unless the options that all of them have are in range. */
function checkAdam(v: Record<string, unknown>): void {
  const [beta1, beta2] = v.betas as Betas;
  inRange((v.lr as number) >= 0, "learning rate", v.lr);
  inRange((v.eps as number) >= 0, "epsilon value", v.eps);
  inRange(beta1 >= 0 && beta1 < 1, "beta parameter at index 0", beta1);
  inRange(beta2 >= 0 && beta2 < 1, "beta parameter at index 1", beta2);
  inRange((v.weightDecay as number) >= 0, "weight_decay value", v.weightDecay);
}

function fresh(param: Tensor, amsgrad: boolean): AdamState {
  const state: AdamState = { step: counter(), exp_avg: zeros(param), exp_avg_sq: zeros(param) };
  if (amsgrad) state.max_exp_avg_sq = zeros(param);
  return state;
}

/** Moves both running means towards the gradient. */
function accumulate(state: AdamState, grad: Tensor, [beta1, beta2]: Betas): void {
  state.exp_avg.mul_(beta1).add_(grad, { alpha: 1 - beta1 });
  state.exp_avg_sq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
}

/** How weight decay enters: not at all, through the gradient, or as a factor of the parameter. */
type Decay = "none" | "gradient" | "factor";

/** The same step as `adamStep` takes without `amsgrad`, by one kernel: parameter, gradient and the two means, then eight numbers. */
function fusedStep(decay: Decay): Update {
  const [param, grad, mean, squares] = [load(0), load(1), load(2), load(3)];
  const [beta1, rest1, beta2, rest2, root, eps, step, by] = [4, 5, 6, 7, 8, 9, 10, 11].map(load) as Numbers;
  const g = decay === "gradient" ? add(grad, mul(param, by)) : grad;
  const newMean = add(mul(mean, beta1), mul(g, rest1));
  const newSquares = add(mul(squares, beta2), mul(mul(rest2, g), g));
  const scale = add(div(sqrt(newSquares), root), eps);
  const start = decay === "factor" ? mul(param, by) : param;
  return new Update(4, 8, [
    { tensor: 0, value: add(start, div(mul(step, newMean), scale)), writes: decay === "factor" ? 2 : 1 },
    { tensor: 2, value: newMean, writes: 2 },
    { tensor: 3, value: newSquares, writes: 2 },
  ]);
}

type Numbers = [Expr, Expr, Expr, Expr, Expr, Expr, Expr, Expr];

const fusedSteps: Readonly<Record<Decay, Update>> = {
  none: fusedStep("none"),
  gradient: fusedStep("gradient"),
  factor: fusedStep("factor"),
};

/** The step that Adam and AdamW share. */
function adamStep(param: Tensor, grad: Tensor, state: AdamState, group: ParamGroup, decay: Decay): void {
  const { betas, eps, lr, amsgrad, weightDecay } = group as unknown as Required<AdamOptions>;
  const step = count(state.step);
  const [correction1, correction2] = [1 - betas[0] ** step, 1 - betas[1] ** step];
  const by = decay === "factor" ? 1 - lr * weightDecay : weightDecay;
  const root = Math.sqrt(correction2);
  const [size, [beta1, beta2]] = [-(lr / correction1), betas];
  const numbers = [beta1, 1 - beta1, beta2, 1 - beta2, root, eps, size, by];
  if (!amsgrad && fusedSteps[decay].run([param, grad, state.exp_avg, state.exp_avg_sq], numbers)) return;
  if (decay === "factor") param.mul_(by);
  accumulate(state, decay === "gradient" ? grad.add(param, { alpha: by }) : grad, betas);
  let squares = state.exp_avg_sq;
  if (amsgrad) {
    state.max_exp_avg_sq ??= zeros(param);
    keep(state.max_exp_avg_sq);
    squares = state.max_exp_avg_sq.copy_(state.max_exp_avg_sq.maximum(squares));
  }
  param.addcdiv_(state.exp_avg, squares.sqrt().div(root).add_(eps), { value: size });
}

/**
 * Adam: `lr` 1e-3, `betas` [0.9, 0.999], `eps` 1e-8, `weightDecay` 0 (added to the gradient, as L2), `amsgrad` false.
 * `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://arxiv.org/abs/1412.6980
 * @example
 * const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 * optimizer.state.size // 2
 */
export class Adam extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<AdamOptions>) {
    const params = `lr:float=0.001 betas:floats=[0.9,0.999] eps:float=1e-8 weightDecay:float=0 amsgrad:bool=false * ${flags}`;
    const v = read("Adam", params, args);
    checkAdam(v);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const state = this.stateOf(param, () => fresh(param, group.amsgrad === true));
    adamStep(param, grad, state, group, group.weightDecay === 0 ? "none" : "gradient");
  }
}

/**
 * Adam with weight decay apart from the gradient: `lr` 1e-3, `betas` [0.9, 0.999], `eps` 1e-8, `weightDecay` 0.01,
 * `amsgrad` false. `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://arxiv.org/abs/1711.05101
 * @example
 * const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-4, weightDecay: 0.1 });
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class AdamW extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<AdamOptions>) {
    const params = `lr:float=0.001 betas:floats=[0.9,0.999] eps:float=1e-8 weightDecay:float=0.01 amsgrad:bool=false * ${flags}`;
    const v = read("AdamW", params, args);
    checkAdam(v);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const state = this.stateOf(param, () => fresh(param, group.amsgrad === true));
    adamStep(param, grad, state, group, "factor");
  }
}

/** Options of `Adamax`. */
export type AdamaxOptions = Omit<AdamOptions, "amsgrad" | "fused">;

/**
 * Adam with the largest gradient in the place of the mean square: `lr` 2e-3, `betas` [0.9, 0.999], `eps` 1e-8,
 * `weightDecay` 0. `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://arxiv.org/abs/1412.6980
 * @example
 * const optimizer = new optim.Adamax(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class Adamax extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<AdamaxOptions>) {
    const params =
      "lr:float=0.002 betas:floats=[0.9,0.999] eps:float=1e-8 weightDecay:float=0 foreach:bool?=null * " +
      "maximize:bool=false differentiable:bool=false capturable:bool=false";
    const v = read("Adamax", params, args);
    checkAdam(v);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const [beta1, beta2] = group.betas as Betas;
    const state = this.stateOf(param, () => ({ step: counter(), exp_avg: zeros(param), exp_inf: zeros(param) }));
    const step = count(state.step);
    const decay = group.weightDecay as number;
    const g = decay === 0 ? grad : grad.add(param, { alpha: decay });
    state.exp_avg.mul_(beta1).add_(g, { alpha: 1 - beta1 });
    state.exp_inf.copy_(state.exp_inf.mul_(beta2).maximum(g.abs().add_(group.eps as number)));
    param.addcdiv_(state.exp_avg, state.exp_inf, { value: -(group.lr / (1 - beta1 ** step)) });
  }
}

/** Options of `NAdam`. */
export interface NAdamOptions extends AdamaxOptions {
  momentumDecay?: number;
  decoupledWeightDecay?: boolean;
}

/**
 * Adam with Nesterov's momentum: `lr` 2e-3, `betas` [0.9, 0.999], `eps` 1e-8, `weightDecay` 0, `momentumDecay` 4e-3.
 * `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
 * @example
 * const optimizer = new optim.NAdam(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class NAdam extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<NAdamOptions>) {
    const params =
      "lr:float=0.002 betas:floats=[0.9,0.999] eps:float=1e-8 weightDecay:float=0 momentumDecay:float=0.004 " +
      "decoupledWeightDecay:bool=false * foreach:bool?=null maximize:bool=false capturable:bool=false differentiable:bool=false";
    const v = read("NAdam", params, args);
    checkAdam(v);
    inRange((v.momentumDecay as number) >= 0, "momentum_decay value", v.momentumDecay);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const [beta1, beta2] = group.betas as Betas;
    const { lr, eps, weightDecay, momentumDecay, decoupledWeightDecay } = group as unknown as Required<NAdamOptions>;
    const state = this.stateOf(param, () => {
      const { step, ...means } = fresh(param, false);
      return { step, mu_product: counter(1), ...means } as AdamState & { mu_product: Tensor };
    });
    const step = count(state.step);
    let g = grad;
    if (weightDecay !== 0 && decoupledWeightDecay) param.mul_(1 - lr * weightDecay);
    else if (weightDecay !== 0) g = grad.add(param, { alpha: weightDecay });
    const momentum = (at: number): number => beta1 * (1 - 0.5 * 0.96 ** (at * momentumDecay));
    const [mu, muNext] = [momentum(step), momentum(step + 1)];
    state.mu_product.mul_(mu);
    const productNext = state.mu_product.mul(mu).mul(muNext).item();
    accumulate(state, g, [beta1, beta2]);
    const scale = state.exp_avg_sq
      .div(1 - beta2 ** step)
      .sqrt()
      .add_(eps);
    param.addcdiv_(g, scale, { value: (-lr * (1 - mu)) / (1 - state.mu_product.item()) });
    param.addcdiv_(state.exp_avg, scale, { value: (-lr * muNext) / (1 - productNext) });
  }
}

/** Options of `RAdam`. */
export interface RAdamOptions extends AdamaxOptions {
  decoupledWeightDecay?: boolean;
}

/**
 * Adam that waits until the variance of its steps is known: `lr` 1e-3, `betas` [0.9, 0.999], `eps` 1e-8, `weightDecay`
 * 0. `step()` updates every parameter that has a gradient; options may differ per group.
 * @throws ValueError for options out of range, or no parameters.
 * @see https://arxiv.org/abs/1908.03265
 * @example
 * const optimizer = new optim.RAdam(model.parameters());
 * optimizer.zeroGrad();
 * model(x).square().mean().backward();
 * optimizer.step();
 */
export class RAdam extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<RAdamOptions>) {
    const params =
      "lr:float=0.001 betas:floats=[0.9,0.999] eps:float=1e-8 weightDecay:float=0 decoupledWeightDecay:bool=false * " +
      "foreach:bool?=null maximize:bool=false capturable:bool=false differentiable:bool=false";
    const v = read("RAdam", params, args);
    checkAdam(v);
    super(parameters, v);
  }

  protected override updateParam(param: Tensor, grad: Tensor, group: ParamGroup): void {
    const [beta1, beta2] = group.betas as Betas;
    const { lr, eps, weightDecay, decoupledWeightDecay } = group as unknown as Required<RAdamOptions>;
    const state = this.stateOf(param, () => fresh(param, false));
    const step = count(state.step);
    let g = grad;
    if (weightDecay !== 0 && decoupledWeightDecay) param.mul_(1 - lr * weightDecay);
    else if (weightDecay !== 0) g = grad.add(param, { alpha: weightDecay });
    accumulate(state, g, [beta1, beta2]);
    const correction2 = 1 - beta2 ** step;
    const mean = state.exp_avg.div(1 - beta1 ** step);
    const rhoMax = 2 / (1 - beta2) - 1;
    const rho = rhoMax - (2 * step * beta2 ** step) / correction2;
    if (rho <= 5) {
      param.add_(mean.mul(lr), { alpha: -1 });
      return;
    }
    const rect = Math.sqrt(((rho - 4) * (rho - 2) * rhoMax) / ((rhoMax - 4) * (rhoMax - 2) * rho));
    const adaptive = state.exp_avg_sq.sqrt().add_(eps).reciprocal().mul(Math.sqrt(correction2));
    param.add_(mean.mul(lr).mul(adaptive).mul(rect), { alpha: -1 });
  }
}
