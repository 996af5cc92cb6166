/** `weightNorm` in its older form: a weight computed from its length and its direction before every call. */
import { check, ValueError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { RemovableHandle } from "../hooks.ts";
import type { AnyModule } from "../module.ts";
import { Parameter } from "../parameter.ts";
import { registry } from "../registry.ts";

/** The hooks by module and name, for `removeWeightNorm`. */
const hooks = new WeakMap<object, Map<string, { handle: RemovableHandle; dim: number | null }>>();

/** The norm over all dims but one, which is kept; over all for null. */
function normExcept(v: Tensor, dim: number | null): Tensor {
  const dims = v.shape.map((_, d) => d).filter((d) => d !== dim);
  const squares = v.mul(v);
  return (dim === null ? squares.sum() : squares.sum(dims, true)).sqrt();
}

function tensorAt(module: AnyModule, name: string): Tensor {
  return Reflect.get(module, name) as Tensor;
}

function compute(module: AnyModule, name: string, dim: number | null): Tensor {
  const [g, v] = [tensorAt(module, `${name}_g`), tensorAt(module, `${name}_v`)];
  return v.mul(g.div(normExcept(v, dim)));
}

/**
 * Replaces the parameter `name` by `name_g`, its lengths along `dim` (0; null: one for all), and `name_v`, its
 * direction; a hook computes `name` before every forward. Returns the module.
 * @see https://arxiv.org/abs/1602.07868
 * @example [...nn.utils.weightNorm(new nn.Linear(2, 3)).stateDict().keys()] // [ 'bias', 'weight_g', 'weight_v' ]
 */
export function weightNorm<M extends AnyModule>(module: M, name = "weight", dim: number | null = 0): M {
  const mine = hooks.get(module) ?? new Map<string, { handle: RemovableHandle; dim: number | null }>();
  check(!mine.has(name), () => `Cannot register two weight_norm hooks on the same parameter ${name}`);
  const weight = module.getParameter(name);
  const kept = dim === null || dim === -1 ? null : dim;
  Reflect.deleteProperty(module, name);
  module[registry].drop(name);
  module.registerParameter(`${name}_g`, new Parameter(normExcept(weight, kept).data));
  module.registerParameter(`${name}_v`, new Parameter(weight.data));
  Reflect.set(module, name, compute(module, name, kept));
  const handle = module.registerForwardPreHook((owner: AnyModule) => {
    Reflect.set(owner, name, compute(owner, name, kept));
  });
  mine.set(name, { handle, dim: kept });
  hooks.set(module, mine);
  return module;
}

/**
 * Puts a plain parameter in the place of what `weightNorm` made.
 * @throws ValueError where there is none.
 * @example nn.utils.removeWeightNorm(nn.utils.weightNorm(new nn.Linear(2, 3))).weight instanceof nn.Parameter // true
 */
export function removeWeightNorm<M extends AnyModule>(module: M, name = "weight"): M {
  const entry = hooks.get(module)?.get(name);
  check(entry !== undefined, () => `weight_norm of '${name}' not found in ${module}`, ValueError);
  const weight = compute(module, name, entry.dim);
  entry.handle.remove();
  hooks.get(module)?.delete(name);
  for (const old of [name, `${name}_g`, `${name}_v`]) {
    Reflect.deleteProperty(module, old);
    module[registry].drop(old);
  }
  module.registerParameter(name, new Parameter(weight.data));
  return module;
}
