/** In-place writes under autograd: what is refused, how a view's base learns of them, how siblings are regenerated. */

import type { DType } from "../core/dtype.ts";
import { check, RuntimeError } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { type AutogradMeta, type Tensor, type TensorImpl, type ViewInfo, versionCell, wrap } from "../core/tensor.ts";
import { mode } from "./mode.ts";
import { attach, FormulaNode, type Grads, graph, metaOf, Node, type PreHook, recording, requiresGrad } from "./node.ts";

/**
 * Makes a view of `self` that remembers its root; `multi` when its operator returns several, `dtype` where it reads the
 * elements otherwise.
 */
export function viewOf(self: Tensor, layout: Layout, multi = false, dtype: DType = self.impl.dtype): Tensor {
  const out = wrap(self.impl.storage, layout, dtype);
  out.impl.cell = versionCell(self);
  out.impl.inference = self.impl.inference;
  const parent = self.impl.meta?.view ?? null;
  const own = mode.inference ? "inference" : !mode.grad ? "noGrad" : multi ? "multi" : "single";
  metaOf(out).view = {
    base: parent === null ? self : parent.base,
    creation: own === "single" && parent !== null ? parent.creation : own,
    version: out.impl.cell.value,
  };
  return out;
}

/** The node of a tensor; a view whose base was written to since gets a new one, from the base's history. */
graph.gradFn = (t: Tensor): Node | null => {
  const meta = t.impl.meta;
  if (meta === null) return null;
  const view = meta.view;
  if (view === null) return meta.gradFn as Node | null;
  if (meta.gradFn === null && !requiresGrad(view.base)) return null;
  if (view.version !== t._version) {
    refuseSpecialViews(t, "its base or another view of its base has been");
    meta.gradFn = asStridedNode(view.base, t.impl);
    meta.outputNr = 0;
    view.version = t._version;
  }
  return meta.gradFn as Node | null;
};

/** How a tensor reads a storage. */
type Reading = Pick<TensorImpl, "layout" | "dtype">;

/** The derivative of reading the storage of `base` in this way: of `base.asStrided(layout)`, mostly. */
function asStridedNode(base: Tensor, { layout, dtype: regionDtype }: Reading): Node {
  const { layout: from, dtype } = base.impl;
  const options = dtype === regionDtype ? {} : { dtype, regionDtype };
  const node = new FormulaNode("AsStridedBackward0", [base], [], ([g]) => [
    g!.asStridedBackward(from.shape, from.strides, from.offset, layout.strides, layout.offset, options),
  ]);
  node.outputs[0] = { shape: layout.shape, dtype: regionDtype };
  return node;
}

/** A view of the storage of `base`, read in this way, as if it had been taken before. */
function viewAs(base: Tensor, { layout, dtype }: Reading): Tensor {
  const out = viewOf(base, layout, false, dtype);
  if (recording([base])) attach(asStridedNode(base, out.impl), [out]);
  return out;
}

function refuseSpecialViews(t: Tensor, modified: string): void {
  const meta = t.impl.meta;
  const view = meta?.view;
  if (meta == null || view == null || view.creation === "single") return;
  throw new RuntimeError(`${header(meta, view.creation, modified)}${reasons[view.creation]}`);
}

function header(meta: AutogradMeta, creation: ViewInfo["creation"], modified: string): string {
  if (meta.gradFn !== null)
    return `Output ${meta.outputNr} of ${meta.gradFn.title} is a view and ${modified} modified inplace.`;
  if (creation === "inference")
    return `A view was created in inference mode and ${modified} modified inplace in normal mode.`;
  return `A view was created in no_grad mode and ${modified} modified inplace with grad mode enabled.`;
}

const ambiguous = (block: string): string =>
  " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both " +
  `the view and the inplace either both inside the ${block} block (if you don't want the inplace to be tracked) or ` +
  "both outside (if you want the inplace to be tracked).";

const reasons: Readonly<Record<ViewInfo["creation"], string>> = {
  single: "",
  multi:
    " This view is the output of a function that returns multiple views. Such functions do not allow the output views " +
    "to be modified inplace. You should replace the inplace operation by an out-of-place one.",
  noGrad: ambiguous("no_grad"),
  inference: ambiguous("inference_mode"),
};

/** Throws PyTorch's error where `self` may not be written in place; `recorded`: the operation will be recorded. */
export function checkInplace(self: Tensor, recorded: boolean): void {
  check(
    !self.impl.inference || mode.inference,
    () =>
      "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal " +
      "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.",
  );
  if (!recorded) return;
  const view = self.impl.meta?.view ?? null;
  if (view !== null) {
    refuseSpecialViews(self, "is being");
    check(
      !(requiresGrad(self) && graph.gradFn(view.base) === null && requiresGrad(view.base)),
      () => "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    );
  }
  check(
    !(requiresGrad(self) && graph.gradFn(self) === null),
    () => "a leaf Variable that requires grad is being used in an in-place operation.",
  );
}

/** After a recorded write to `self`: `node` becomes its history; through a view also the base's. */
export function rebase(self: Tensor, node: Node): void {
  node.outputs[0] = { shape: self.impl.layout.shape, dtype: self.impl.dtype };
  const meta = metaOf(self);
  if (meta.view === null) {
    moveHistory(self, node);
    return;
  }
  const base = meta.view.base;
  moveHistory(base, new CopySlices(base, self.impl, node));
  graph.gradFn(self);
}

function moveHistory(t: Tensor, node: Node): void {
  const meta = metaOf(t);
  const before = meta.gradFn as Node | null;
  node.outputs[0] ??= { shape: t.impl.layout.shape, dtype: t.impl.dtype };
  meta.gradFn = node;
  meta.outputNr = 0;
  if (!meta.retainsGrad || before === null || before.preHooks === null) return;
  // The hook of retainGrad follows the tensor to its new history.
  const kept = before.preHooks.filter((h) => retainers.has(h));
  before.preHooks = before.preHooks.filter((h) => !retainers.has(h));
  node.preHooks = [...(node.preHooks ?? []), ...kept.map((h) => retainer(h.call))];
}

const retainers = new WeakSet<object>();

/** A pre-hook that belongs to `retainGrad`. */
export function retainer(call: PreHook["call"], nr = 0): PreHook {
  const hook = { nr, call };
  retainers.add(hook);
  return hook;
}

/** The history of a base after a write to one of its views: the old history with this region replaced. */
class CopySlices extends Node {
  readonly #base: Reading;
  readonly #region: Reading;
  readonly #write: Node;

  constructor(base: Tensor, { layout, dtype }: Reading, write: Node) {
    super("CopySlices", [base]);
    this.#base = { layout: base.impl.layout, dtype: base.impl.dtype };
    this.#region = { layout, dtype };
    this.#write = write;
    // The write's first edge is the view itself, which the base's old history replaces.
    this.next.push(...write.next.slice(1));
    this.nextNr.push(...write.nextNr.slice(1));
    this.outputs[0] = { shape: base.impl.layout.shape, dtype: base.impl.dtype };
  }

  override backward(grads: Grads, needs: readonly boolean[]): Grads {
    const g = grads[0];
    if (g == null) return new Array(this.next.length).fill(null);
    const { layout, dtype } = this.#base;
    const whole = g.newEmptyStrided(layout.shape, layout.strides);
    whole.impl.dtype = dtype; // what is stored corresponds, also where a conjugation is pending
    whole.copy_(g);
    const slice = viewAs(whole, this.#within());
    const [first, ...rest] = this.#write.backward([slice.clone()], [true, ...needs.slice(1)]);
    if (first == null) slice.zero_();
    else slice.copy_(first);
    return [whole, ...rest];
  }

  /** The region, counted from the first element of the base. */
  #within(): Reading {
    const { layout, dtype } = this.#region;
    const start = (this.#base.layout.offset * this.#base.dtype.itemsize) / dtype.itemsize;
    return { layout: new Layout(layout.shape, layout.strides, layout.offset - start), dtype };
  }

  override release(): void {
    this.#write.release();
  }
}
