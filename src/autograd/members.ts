/** The members of a tensor that autograd gives it. */
import { check, RuntimeError, typeName } from "../core/errors.ts";
import { equalShapes } from "../core/layout.ts";
import { escape, keep } from "../core/scope.ts";
import { isTensor, Tensor, versionCell, wrap } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { type BackwardArguments, backward } from "./backward.ts";
import { retainer } from "./inplace.ts";
import { mode } from "./mode.ts";
import { addTo, graph, metaOf, type Node, requiresGrad } from "./node.ts";

/** Takes a hook out again. */
export interface HookHandle {
  remove(): void;
}

/** A function of a gradient; what it returns replaces the gradient. */
export type TensorHook = (grad: Tensor) => Tensor | undefined | null | void;

export interface AutogradMembers {
  /**
   * Whether operations on this tensor are recorded; settable on leaves.
   * @throws RuntimeError for integers, or when it is cleared on a tensor that was computed.
   */
  requiresGrad: boolean;
  /**
   * The accumulated gradient of a leaf, or null. `backward()` adds to it. Of a tensor that was computed it is null,
   * with a warning, unless `retainGrad()` was called.
   * @throws RuntimeError when set to a tensor of another size, dtype or device.
   */
  grad: Tensor | null;
  /**
   * The node that made this tensor, or null for a leaf.
   * @example w.mul(2).gradFn!.name() // 'MulBackward0'
   */
  readonly gradFn: Node | null;
  /** Whether no recorded operation made it. */
  readonly isLeaf: boolean;
  /** Whether `retainGrad()` was called on this non-leaf. */
  readonly retainsGrad: boolean;
  /** The tensor that this one is a view of, always the root; null for others. */
  readonly _base: Tensor | null;
  /**
   * The same storage as a leaf with a version of its own; setting it points this tensor at another's storage. What is
   * written through it autograd cannot see, so gradients may become wrong: `x.detach()` is checked.
   * @example w.data // tensor([1., 1., 1.])
   */
  data: Tensor;
  _isView(): boolean;
  isInference(): boolean;
  /** Sets `requiresGrad` and returns this tensor. */
  requiresGrad_(requiresGrad?: boolean): this;
  /**
   * A leaf over the same storage, with the same version. It is a view: writes are seen on both sides, and count as
   * writes to this tensor.
   * @example w.detach().requiresGrad // false
   */
  detach(): Tensor;
  /** Makes this tensor a leaf; views refuse. */
  detach_(): this;
  /**
   * Sums gradients into the leaves that this tensor came from. A tensor of one element needs no `gradient`; others need
   * one of their shape. The graph is freed unless `retainGraph`; `createGraph` records the gradients for second
   * derivatives; `inputs` limits what is summed into.
   * @throws RuntimeError where the tensor has no history, is no scalar and has no gradient given, the graph was freed,
   *   or a saved tensor was written to.
   * @example
   * w.square().sum().backward();
   * w.grad // tensor([2., 2., 2.])
   */
  backward(gradient?: Tensor | null | BackwardOptionsObject, options?: BackwardArguments): void;
  /**
   * Keeps the gradient of this non-leaf in `grad`.
   * @example
   * const y = w.mul(2);
   * y.retainGrad();
   * y.sum().backward();
   * y.grad // tensor([1., 1., 1.])
   */
  retainGrad(): void;
  /**
   * Calls `hook` with the gradient each time it is computed. What it returns replaces the gradient. `remove()` of the
   * result takes it away.
   * @example
   * w.registerHook((g) => g.mul(10));
   * w.sum().backward();
   * w.grad // tensor([10., 10., 10.])
   */
  registerHook(hook: TensorHook): HookHandle;
  /** Calls `hook` with this leaf after a gradient was added to `grad`. */
  registerPostAccumulateGradHook(hook: (leaf: Tensor) => void): HookHandle;
}

type BackwardOptionsObject = BackwardArguments & { gradient?: Tensor | null };

const cannotDetachView =
  "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and " +
  "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on " +
  "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py " +
  "as the solution.";

const nonLeafGrad =
  "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated " +
  "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use " +
  ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf " +
  "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more informations.";

function setRequiresGrad(t: Tensor, value: boolean): void {
  if (typeof value !== "boolean") throw new TypeError("requires_grad must be a bool");
  check(
    graph.gradFn(t) === null || value,
    () =>
      "you can only change requires_grad flags of leaf variables." +
      " If you want to use a computed variable in a subgraph that doesn't require differentiation use " +
      "var_no_grad = var.detach().",
  );
  check(!value || t.impl.dtype.isDifferentiable, () => "only Tensors of floating point dtype can require gradients");
  if (graph.gradFn(t) !== null) return;
  check(
    !(value && t.impl.inference && !mode.inference),
    () => "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
  );
  if (value || t.impl.meta !== null) metaOf(t).requiresGrad = value;
}

function setGrad(t: Tensor, value: unknown): void {
  if (value === null || value === undefined) {
    if (t.impl.meta !== null) t.impl.meta.grad = null;
    return;
  }
  if (!isTensor(value)) {
    throw new TypeError(`assigned grad expected to be a Tensor or None but got grad of type${typeName(value)}`);
  }
  check(value !== t, () => "can't assign Variable as its own grad");
  check(value.dtype === t.dtype, () => "assigned grad has data of a different type");
  check(value.device === t.device, () => "assigned grad has data located on a different device");
  check(equalShapes(value.shape, t.shape), () => "assigned grad has data of a different size");
  keep(value);
  metaOf(t).grad = value;
}

function setData(t: Tensor, value: unknown): void {
  if (!isTensor(value)) throw new TypeError(`Variable data has to be a tensor, but got ${typeName(value)}`);
  check(
    !requiresGrad(t) || value.impl.dtype.isDifferentiable,
    () => "data set to a tensor that requires gradients must be floating point or complex dtype",
  );
  escape(value);
  t.impl.storage = value.impl.storage;
  t.impl.layout = value.impl.layout;
  t.impl.dtype = value.impl.dtype;
}

/** Another tensor over the same bytes, without history. */
function alias(t: Tensor): Tensor {
  const out = wrap(t.impl.storage, t.impl.layout, t.impl.dtype);
  out.impl.inference = t.impl.inference;
  return out;
}

function nodeOrAccumulator(t: Tensor): Node {
  return graph.gradFn(t) ?? graph.accumulator(t);
}

const accessors: PropertyDescriptorMap & ThisType<Tensor> = {
  requiresGrad: {
    get() {
      return requiresGrad(this);
    },
    set(value: boolean) {
      setRequiresGrad(this, value);
    },
  },
  grad: {
    get() {
      const meta = this.impl.meta;
      if (meta === null) return null;
      if (meta.grad === null && meta.gradFn !== null && !meta.retainsGrad) warn("non-leaf-grad", nonLeafGrad);
      return meta.grad;
    },
    set(value: unknown) {
      setGrad(this, value);
    },
  },
  gradFn: {
    get() {
      return graph.gradFn(this);
    },
  },
  isLeaf: {
    get() {
      return graph.gradFn(this) === null;
    },
  },
  retainsGrad: {
    get() {
      return this.impl.meta !== null && this.impl.meta.gradFn !== null && this.impl.meta.retainsGrad;
    },
  },
  _base: {
    get() {
      return this.impl.meta?.view?.base ?? null;
    },
  },
  data: {
    get() {
      escape(this);
      return alias(this);
    },
    set(value: unknown) {
      setData(this, value);
    },
  },
};

const methods: Partial<AutogradMembers> & ThisType<Tensor> = {
  _isView() {
    return this._base !== null;
  },
  isInference() {
    return this.impl.inference;
  },
  requiresGrad_(value = true) {
    setRequiresGrad(this, value);
    return this as never;
  },
  detach() {
    const out = alias(this);
    out.impl.cell = versionCell(this);
    return out;
  },
  detach_() {
    check(this._base === null, () => cannotDetachView);
    const meta = this.impl.meta;
    if (meta !== null) {
      meta.gradFn = null;
      meta.outputNr = 0;
      meta.requiresGrad = false;
      meta.accumulator = null;
    }
    return this as never;
  },
  backward(gradient, options) {
    const named = gradient != null && !isTensor(gradient);
    if (named && Object.getPrototypeOf(gradient) !== Object.prototype) {
      throw new TypeError(`backward(): argument 'gradient' must be Tensor, not ${typeName(gradient)}`);
    }
    const all: BackwardOptionsObject = named ? (gradient as BackwardOptionsObject) : (options ?? {});
    for (const key of Object.keys(all)) {
      if (!["gradient", "retainGraph", "createGraph", "inputs"].includes(key)) {
        throw new TypeError(`backward() got an unexpected keyword argument '${key}'`);
      }
    }
    backward(this, named ? (all.gradient ?? null) : (gradient as Tensor | null | undefined), all);
  },
  retainGrad() {
    check(requiresGrad(this), () => "can't retain_grad on Tensor that has requires_grad=False");
    const node = graph.gradFn(this);
    const meta = metaOf(this);
    if (node === null || meta.retainsGrad) return;
    meta.retainsGrad = true;
    const retain = (g: Tensor): undefined => {
      meta.grad = g.detach().clone();
      keep(meta.grad);
    };
    (node.preHooks ??= []).push(retainer(retain, meta.outputNr));
  },
  registerHook(hook) {
    check(requiresGrad(this), () => "cannot register a hook on a tensor that doesn't require gradient");
    const node = nodeOrAccumulator(this);
    const nr = this.impl.meta?.gradFn == null ? 0 : this.impl.meta.outputNr;
    return addTo((node.preHooks ??= []), { nr, call: (g: Tensor) => checkedHook(hook, g) });
  },
  registerPostAccumulateGradHook(hook) {
    check(this.isLeaf, () => "post accumulate grad hooks cannot be registered on non-leaf tensors");
    check(requiresGrad(this), () => "cannot register a hook on a tensor that doesn't require gradient");
    const meta = metaOf(this);
    meta.hooks ??= new Map();
    const key = nextHook++;
    meta.hooks.set(key, hook);
    return { remove: () => void meta.hooks?.delete(key) };
  },
};

let nextHook = 0;

function checkedHook(hook: TensorHook, g: Tensor): Tensor | null {
  const replaced = hook(g) ?? null;
  if (replaced === null) return null;
  if (!isTensor(replaced)) throw new TypeError("hook returned a value that is no Tensor");
  check(equalShapes(replaced.shape, g.shape), () => "hook '<hook>' has changed the size of value", RuntimeError);
  return replaced;
}

/** Installs these members; `index.ts` calls it once. */
export function installAutograd(): void {
  for (const descriptor of Object.values(accessors)) descriptor.configurable = true;
  Object.defineProperties(Tensor.prototype, accessors);
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
  }
}
