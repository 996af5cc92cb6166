/** `autograd.Function`: operations whose derivative users write themselves. */
import { check, RuntimeError, typeName } from "../core/errors.ts";
import { escape, leaving } from "../core/scope.ts";
import { isTensor, type Tensor, wrap } from "../core/tensor.ts";
import { checkInplace, rebase, viewOf } from "./inplace.ts";
import { noGrad } from "./mode.ts";
import { freedMessage, type Grads, metaOf, Node, recording, requiresGrad, SavedTensor } from "./node.ts";

/**
 * What `forward` tells `backward`; any further fields are kept as they are.
 * @example
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.FunctionCtx, x: torch.Tensor): torch.Tensor {
 *     ctx.saveForBackward(x);
 *     return x.pow(3);
 *   }
 *   static backward(ctx: autograd.FunctionCtx, g: torch.Tensor): torch.Tensor {
 *     return g.mul(ctx.savedTensors[0]!.square()).mul(3);
 *   }
 * }
 * autograd.grad((Cube.apply(w) as torch.Tensor).sum(), w)[0] // tensor([3., 3., 3.])
 */
export class FunctionCtx {
  /** Whether each argument of `apply` is a tensor that requires grad. */
  needsInputGrad: boolean[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: users keep what they like on it, as in Python
  [field: string]: any;

  /** Keeps inputs or outputs for backward, where their versions are checked. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    partsOf(this).toSave = tensors;
  }

  /** What `saveForBackward` kept. */
  get savedTensors(): Tensor[] {
    const { saved, toSave } = partsOf(this);
    if (saved === null) return toSave as Tensor[];
    return saved.map((s) => (s === null ? null : s.get()) as Tensor);
  }

  /** Declares inputs that forward wrote in place; they must be outputs, too. */
  markDirty(...tensors: Tensor[]): void {
    partsOf(this).dirty = tensors;
  }

  /** Declares outputs that have no derivative. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    partsOf(this).nonDifferentiable = tensors;
  }

  /** Whether backward gets zeros (the default) or null for outputs without gradient. */
  setMaterializeGrads(value: boolean): void {
    partsOf(this).materialize = value;
  }
}

/** What a context keeps for the library, out of the user's sight. */
interface Parts {
  toSave: (Tensor | null)[];
  saved: (SavedTensor | null)[] | null;
  dirty: Tensor[];
  nonDifferentiable: Tensor[];
  materialize: boolean;
}

const contexts = new WeakMap<FunctionCtx, Parts>();

function partsOf(ctx: FunctionCtx): Parts {
  let parts = contexts.get(ctx);
  if (parts === undefined) {
    parts = { toSave: [], saved: null, dirty: [], nonDifferentiable: [], materialize: true };
    contexts.set(ctx, parts);
  }
  return parts;
}

type Gradients = Tensor | null | undefined | readonly (Tensor | null | undefined)[];

/** The arguments of `apply`: those of `forward` without its context. */
type ApplyArguments<P extends unknown[]> = P extends [infer C, ...infer Rest] ? (C extends FunctionCtx ? Rest : P) : P;

/** The static side of a user's class. */
interface FunctionClass {
  readonly name: string;
  forward(...args: never[]): unknown;
  backward?(ctx: FunctionCtx, ...grads: Tensor[]): Gradients;
  setupContext?(ctx: FunctionCtx, inputs: never, output: never): void;
}

/**
 * The base of operations with a derivative of one's own: static `forward(ctx, ...args)`, or `forward(...args)` with
 * `setupContext(ctx, inputs, output)`, and static `backward(ctx, ...gradOutputs)`.
 * @throws RuntimeError if `forward` is missing, or `backward` when a gradient is asked for.
 * @see https://docs.pytorch.org/docs/stable/notes/extending.html
 * @example
 * class Exp extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionCtx, x: torch.Tensor) {
 *     const y = x.exp();
 *     ctx.saveForBackward(y);
 *     return y;
 *   }
 *   static backward(ctx: torch.autograd.FunctionCtx, g: torch.Tensor) {
 *     return g.mul(ctx.savedTensors[0]!);
 *   }
 * }
 * const x = torch.zeros(2, { requiresGrad: true });
 * Exp.apply(x).sum().backward();
 * x.grad // tensor([1., 1.])
 */
class CustomFunction {
  constructor() {
    throw new RuntimeError(
      `${new.target.name} should not be instantiated. Methods on autograd functions are all static, so you should ` +
        "invoke them on the class itself. Instantiating an autograd function will raise an error in a future version " +
        "of PyTorch.",
    );
  }

  /** Runs `forward` and records the operation. */
  static apply<F extends FunctionClass>(
    this: F,
    ...args: ApplyArguments<Parameters<F["forward"]>>
  ): ReturnType<F["forward"]> {
    return apply(this, args) as ReturnType<F["forward"]>;
  }
}

Object.defineProperty(CustomFunction, "name", { value: "Function" });

export { CustomFunction as Function };

function apply(type: FunctionClass, args: unknown[]): unknown {
  if (typeof type.forward !== "function") {
    throw new RuntimeError("You must implement the forward function for custom autograd.Function.");
  }
  const ctx = new FunctionCtx();
  ctx.needsInputGrad = args.map((a) => isTensor(a) && requiresGrad(a));
  const inputs = args.map((a) => (isTensor(a) ? a : null));
  const node = recording(inputs) ? new CustomNode(type, ctx, inputs) : null;
  const output = leaving(() => noGrad(() => forward(type, ctx, args)));
  const many = Array.isArray(output);
  const results = finish(many ? output : [output], inputs, ctx, node);
  return many ? results : results[0];
}

function forward(type: FunctionClass, ctx: FunctionCtx, args: unknown[]): unknown {
  const setup = type.setupContext;
  if (setup === undefined) return Reflect.apply(type.forward, type, [ctx, ...args]);
  const output: unknown = Reflect.apply(type.forward, type, args);
  Reflect.apply(setup, type, [ctx, args, output]);
  return output;
}

/** Gives the outputs their history. */
function finish(
  outputs: readonly unknown[],
  inputs: readonly (Tensor | null)[],
  ctx: FunctionCtx,
  node: CustomNode | null,
): unknown[] {
  const parts = partsOf(ctx);
  check(
    parts.dirty.every((t) => outputs.includes(t)),
    () =>
      "Some elements marked as dirty during the forward method were not returned as output. The inputs that are " +
      "modified inplace must all be outputs of the Function.",
  );
  const count = outputs.filter(isTensor).length;
  let nr = 0;
  const results = outputs.map((out) => {
    if (!isTensor(out)) return out;
    const result = finishOne(out, { nr: nr++, count }, inputs, parts, node);
    escape(result);
    return result;
  });
  if (node !== null) {
    parts.saved = parts.toSave.map((t) => {
      if (t === null || t === undefined) return null;
      const at = outputs.indexOf(t);
      return new SavedTensor(at >= 0 ? (results[at] as Tensor) : t, at >= 0 ? node.title : null);
    });
    parts.toSave = [];
  }
  return results;
}

function finishOne(
  out: Tensor,
  { nr, count }: { nr: number; count: number },
  inputs: readonly (Tensor | null)[],
  parts: Parts,
  node: CustomNode | null,
): Tensor {
  const isInput = inputs.includes(out);
  const dirty = parts.dirty.includes(out);
  const plain = node === null || parts.nonDifferentiable.includes(out) || !out.dtype.isDifferentiable;
  if (node !== null) node.outputs[nr] = { shape: out.impl.layout.shape, dtype: out.impl.dtype };
  if (plain) return isInput && !dirty ? wrapped(out) : out;
  if (dirty) {
    checkInplace(out, true);
    check(
      out._base === null || (count === 1 && inputs[0] === out),
      () =>
        "If your Function modifies in-place an input that is a view of another Tensor, your Function cannot return " +
        "more than one Tensor, and the view must be its first argument. This is not supported.",
    );
    const kept = node.outputs[0];
    rebase(out, node);
    if (nr > 0) {
      node.outputs[0] = kept!;
      metaOf(out).outputNr = nr;
    }
    return out;
  }
  const result = isInput ? noGrad(() => viewOf(out, out.impl.layout)) : out;
  const meta = metaOf(result);
  meta.gradFn = node;
  meta.outputNr = nr;
  return result;
}

/** Another tensor over the same memory and version. */
function wrapped(t: Tensor): Tensor {
  const copy = wrap(t.impl.storage, t.impl.layout, t.impl.dtype);
  copy.impl.cell = t.impl.cell;
  return copy;
}

/** The node of one application. */
class CustomNode extends Node {
  readonly #type: FunctionClass;
  readonly #ctx: FunctionCtx;
  readonly #inputs: readonly boolean[];
  #released = false;

  constructor(type: FunctionClass, ctx: FunctionCtx, inputs: readonly (Tensor | null)[]) {
    super(`${type.name}Backward`, inputs);
    this.#type = type;
    this.#ctx = ctx;
    this.#inputs = inputs.map((t) => t !== null);
  }

  override backward(grads: Grads): Grads {
    if (this.#released) throw new RuntimeError(freedMessage);
    const { backward } = this.#type;
    if (backward === undefined) {
      throw new RuntimeError(
        "Implementing either the 'backward' or 'vjp' method for your custom autograd.Function is required to use it " +
          "with backward mode AD.",
      );
    }
    const given = partsOf(this.#ctx).materialize ? grads.map((g, i) => g ?? this.#zeros(i, grads)) : grads;
    for (const g of given) if (g !== null) escape(g);
    const result: unknown = leaving(() => Reflect.apply(backward, this.#type, [this.#ctx, ...given]));
    return this.#checked(Array.isArray(result) ? result : [result]);
  }

  #zeros(i: number, grads: Grads): Tensor {
    const like = grads.find((g) => g !== null)!;
    const { shape, dtype } = this.outputs[i]!;
    return like.newZeros(shape, { dtype });
  }

  #checked(list: readonly unknown[]): Grads {
    const wanted = this.next.length;
    check(
      list.length === wanted || (list.length > wanted && list.slice(wanted).every((g) => g == null)),
      () => `function ${this.title} returned an incorrect number of gradients (expected ${wanted}, got ${list.length})`,
    );
    return this.next.map((_, i) => {
      const g = list[i] ?? null;
      if (g === null) return null;
      if (!isTensor(g)) throw new TypeError(`expected Variable or None (got ${typeName(g)})`);
      check(
        this.#inputs[i] === true,
        () =>
          `function ${this.title} returned a gradient different from None at position ${i + 1}, but the corresponding ` +
          "forward input was not a Variable",
      );
      return g;
    });
  }

  override release(): void {
    const { saved } = partsOf(this.#ctx);
    if (saved === null || saved.length === 0) return;
    this.#released = true;
    for (const s of saved) s?.release();
  }
}
