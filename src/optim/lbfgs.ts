/** L-BFGS: steps by an approximate inverse Hessian of the last steps. */
import { enableGrad, noGrad } from "../autograd/mode.ts";
import { check, ValueError } from "../core/errors.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { read } from "../nn/arguments.ts";
import { cat } from "../ops/join.ts";
import type { AdamArguments } from "./adam.ts";
import { Optimizer, type ParamGroup, type Params } from "./optimizer.ts";
import { type Round, strongWolfe } from "./strong-wolfe.ts";

/** Options of `LBFGS`. */
export interface LBFGSOptions {
  lr?: number;
  /** Iterations per step. */
  maxIter?: number;
  /** Evaluations per step; default: a quarter more than iterations. */
  maxEval?: number | null;
  toleranceGrad?: number;
  toleranceChange?: number;
  /** How many steps are remembered. */
  historySize?: number;
  lineSearchFn?: "strong_wolfe" | null;
}

interface LBFGSState {
  func_evals: number;
  n_iter: number;
  d?: Tensor;
  t?: number;
  old_dirs?: Tensor[];
  old_stps?: Tensor[];
  ro?: Tensor[];
  H_diag?: Tensor | number;
  prev_flat_grad?: Tensor;
  prev_loss?: number;
  al?: (Tensor | null)[];
  [key: string]: unknown;
}

/**
 * L-BFGS over one group of parameters: `lr` 1, `maxIter` 20, `historySize` 100, `lineSearchFn` null or
 * `"strong_wolfe"`. `step` needs a closure that computes the loss and its gradients, and returns the first loss.
 * @throws ValueError for more than one group.
 * @see https://doi.org/10.1007/BF01589116
 * @example
 * const optimizer = new optim.LBFGS([w]);
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = w.sub(3).square().sum();
 *   loss.backward();
 *   return loss;
 * });
 * w.detach().round() // tensor([3., 3., 3.])
 */
export class LBFGS extends Optimizer {
  constructor(parameters: Params, ...args: AdamArguments<LBFGSOptions>) {
    const params =
      "lr:float=1 maxIter:int=20 maxEval:int?=null toleranceGrad:float=1e-7 toleranceChange:float=1e-9 " +
      "historySize:int=100 lineSearchFn:str?=null";
    const v = read("LBFGS", params, args);
    v.maxEval ??= Math.floor(((v.maxIter as number) * 5) / 4);
    super(parameters, v);
    check(
      this.paramGroups.length === 1,
      () => "LBFGS doesn't support per-parameter options (parameter groups)",
      ValueError,
    );
  }

  protected override updateParam(): void {}

  protected override run<R>(closure: (() => R) | null): R | null {
    if (closure === null) throw new TypeError("step() missing required argument 'closure' (pos 1)");
    const evaluate = (): R => enableGrad(closure);
    return noGrad(() => this.minimize(evaluate));
  }

  private minimize<R>(evaluate: () => R): R {
    const group = this.paramGroups[0]!;
    const options = group as unknown as Required<LBFGSOptions>;
    const { params } = group;
    const round = rounding(params[0]!);
    const state = this.stateOf(params[0]!, (): LBFGSState => ({ func_evals: 0, n_iter: 0 }));
    const first = evaluate();
    let loss = number(first);
    let evals = 1;
    state.func_evals++;
    let grad = flatGrad(params);
    if (largest(grad) <= options.toleranceGrad) return first;
    for (let i = 1; i <= (options.maxIter as number); i++) {
      state.n_iter++;
      const d = direction(state, grad, options.historySize);
      state.d = d;
      state.prev_flat_grad = grad.clone();
      state.prev_loss = loss;
      state.t =
        state.n_iter === 1 ? round(round(Math.min(1, grad.abs().sum().reciprocal().item())) * group.lr) : group.lr;
      const slope = grad.dot(d).item();
      if (slope > -options.toleranceChange) break;
      const moved = this.move(state, options, evaluate, { loss, grad, slope, last: i === options.maxIter });
      ({ loss, grad } = moved);
      evals += moved.evals;
      state.func_evals += moved.evals;
      if (i === options.maxIter || evals >= (options.maxEval ?? 0)) break;
      if (largest(grad) <= options.toleranceGrad) break;
      if (largest(d.mul(state.t)) <= options.toleranceChange) break;
      if (Math.abs(loss - state.prev_loss) < options.toleranceChange) break;
    }
    return first;
  }

  /** Goes along the direction, by the step size or by a line search. */
  private move(
    state: LBFGSState,
    options: Required<LBFGSOptions>,
    evaluate: () => unknown,
    at: { loss: number; grad: Tensor; slope: number; last: boolean },
  ): { loss: number; grad: Tensor; evals: number } {
    const { params } = this.paramGroups[0]!;
    const d = state.d!;
    if (options.lineSearchFn === null) {
      addTo(params, d, state.t!);
      if (at.last) return { loss: at.loss, grad: at.grad, evals: 0 };
      return { loss: number(evaluate()), grad: flatGrad(params), evals: 1 };
    }
    check(options.lineSearchFn === "strong_wolfe", () => "only 'strong_wolfe' is supported");
    const before = params.map((p) => p.clone());
    const probe = (t: number): { loss: number; grad: Tensor } => {
      addTo(params, d, t);
      const found = { loss: number(evaluate()), grad: flatGrad(params) };
      params.forEach((p, i) => {
        p.copy_(before[i]!);
      });
      return found;
    };
    const found = strongWolfe(probe, state.t!, d, at, options.toleranceChange, rounding(params[0]!));
    state.t = found.t;
    addTo(params, d, found.t);
    return found;
  }
}

/** The loss that a closure returned, as a number. */
function number(loss: unknown): number {
  return isTensor(loss) ? loss.item() : Number(loss);
}

/** PyTorch keeps distances as tensors of the parameters' dtype. */
const rounding = (param: Tensor): Round => (param.dtype.itemsize === 8 ? (x) => x : Math.fround);

const largest = (t: Tensor): number => t.abs().max().item();

function flatGrad(params: ParamGroup["params"]): Tensor {
  return cat(params.map((p) => (p.grad === null ? p.newZeros([p.numel()]) : p.grad.reshape(-1))));
}

function addTo(params: ParamGroup["params"], update: Tensor, alpha: number): void {
  let at = 0;
  for (const p of params) {
    p.add_(update.narrow(0, at, p.numel()).viewAs(p), { alpha });
    at += p.numel();
  }
}

/** The direction to go: the two-loop recursion over the steps remembered. */
function direction(state: LBFGSState, grad: Tensor, historySize: number): Tensor {
  if (state.n_iter === 1) {
    Object.assign(state, { old_dirs: [], old_stps: [], ro: [], H_diag: 1 });
    return grad.neg();
  }
  const [dirs, steps, ro] = [state.old_dirs!, state.old_stps!, state.ro!];
  const y = grad.sub(state.prev_flat_grad!);
  const s = state.d!.mul(state.t!);
  const ys = y.dot(s);
  if (ys.item() > 1e-10) {
    if (dirs.length === historySize) for (const list of [dirs, steps, ro]) list.shift();
    dirs.push(y);
    steps.push(s);
    ro.push(ys.reciprocal());
    state.H_diag = ys.div(y.dot(y));
  }
  state.al ??= new Array<Tensor | null>(historySize).fill(null);
  const { al } = state;
  const q = grad.neg();
  for (let i = dirs.length - 1; i >= 0; i--) {
    const a = steps[i]!.dot(q).mul(ro[i]!);
    al[i] = a;
    q.add_(dirs[i]!, { alpha: -a.item() });
  }
  const r = q.mul(state.H_diag!);
  for (let i = 0; i < dirs.length; i++) {
    const b = dirs[i]!.dot(r).mul(ro[i]!);
    r.add_(steps[i]!, { alpha: al[i]!.sub(b).item() });
  }
  return r;
}
