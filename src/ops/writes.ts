/** Operators that write at chosen places of a tensor: the copying form and the one in place, from one description. */
import { checkInplace, rebase } from "../autograd/inplace.ts";
import { type Formula, FormulaNode, recording, SavedTensor } from "../autograd/node.ts";
import { check } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { parseAny, signature, type Values } from "../core/params.ts";
import { inside } from "../core/scope.ts";
import { bump, type Tensor } from "../core/tensor.ts";
import { copyRaw } from "./copy.ts";
import { type BodyDeclaration, type Callable, custom, differentiable, needTensor } from "./define.ts";
import { checkWritable } from "./pointwise.ts";

/** One write, checked already and not yet done. */
export interface Write {
  /** The name of its node. */
  readonly node: string;
  /** Tensors besides `self` that gradients flow to. */
  readonly inputs?: readonly (Tensor | null)[];
  /** Tensors that are read while `self` is written, and so may not share memory with it. */
  readonly reads?: readonly Tensor[];
  /** Whether the formula reads the value of `self` before, and the result. */
  readonly keeps?: "nothing" | "old" | "both";
  /** What else the formula reads. */
  readonly saved?: readonly Tensor[];
  /** Writes; throws before the first element where an index is out of bounds. */
  readonly run: (target: Tensor) => void;
  /** Gradients of self and the inputs; reads [old self, result, …saved]. */
  readonly grad: Formula;
}

const keptOld = (w: Write): boolean => w.keeps === "old" || w.keeps === "both";

/** The write, done to a row-major copy of `self`. */
export function writeApart(self: Tensor, w: Write): Tensor {
  const out = copyRaw(self, self.dtype, Layout.contiguous(self.shape));
  w.run(out);
  const kept = [keptOld(w) ? self : null, w.keeps === "both" ? out : null];
  return differentiable(w.node, out, [self, ...(w.inputs ?? [])], [...kept, ...(w.saved ?? [])], w.grad);
}

/** The write, done to `self`, whose history it becomes. */
export function writeWithin(self: Tensor, w: Write): Tensor {
  const inputs = w.inputs ?? [];
  const recorded = recording([self, ...inputs]);
  checkInplace(self, recorded);
  checkWritable(self, []);
  for (const t of w.reads ?? []) refuseOverlap(self, t);
  if (!recorded) {
    w.run(self);
    bump(self);
    return self;
  }
  const saved: (SavedTensor | null)[] = [keptOld(w) ? new SavedTensor(self.clone()) : null, null];
  for (const t of w.saved ?? []) saved.push(new SavedTensor(t));
  const keeps = saved.length > 2 || keptOld(w);
  const node = new FormulaNode(w.node, [self, ...inputs], saved, w.grad, keeps);
  w.run(self);
  bump(self);
  if (w.keeps === "both") saved[1] = new SavedTensor(self, w.node);
  rebase(self, node);
  return self;
}

/** Throws PyTorch's error where a tensor that is read shares elements with the one that is written. */
export function refuseOverlap(self: Tensor, t: Tensor): void {
  if (t.impl.storage !== self.impl.storage) return;
  const [a, b] = [self.impl.layout, t.impl.layout];
  if (a.numel === 0 || b.numel === 0 || !a.dense || !b.dense) return;
  const [aSize, bSize] = [self.dtype.itemsize, t.dtype.itemsize];
  check(
    a.offset * aSize >= b.end * bSize || b.offset * bSize >= a.end * aSize,
    () =>
      "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory " +
      "location. Please clone() the tensor before performing the operation.",
  );
}

/** How a write follows from the arguments; every check happens here. */
export type PlanWrite = (self: Tensor, values: Values, which: number) => Write;

/** An operator that copies and writes, with the in-place form that writes where the tensor lies. */
/* @__NO_SIDE_EFFECTS__ */
export function writing<T>(d: BodyDeclaration, plan: PlanWrite): T {
  return inPlace<T>(
    d,
    (self, v, which) => writeApart(self, plan(self, v, which)),
    (self, v, which) => writeWithin(self, plan(self, v, which)),
  );
}

/** An operator whose in-place form is a body of its own. */
/* @__NO_SIDE_EFFECTS__ */
export function inPlace<T>(
  d: BodyDeclaration,
  body: (self: Tensor, values: Values, which: number) => Tensor,
  within: (self: Tensor, values: Values, which: number) => Tensor,
): T {
  const op = custom<Callable>({ ...d, inplace: true }, body);
  const signatures = op.op.params.map(signature);
  const name = `${d.name}_`;
  const write = (self: Tensor, ...args: unknown[]): Tensor => {
    needTensor(name, self);
    const { values, which } = parseAny(name, signatures, args);
    return inside(() => within(self, values, which));
  };
  return Object.assign(op, { write }) as unknown as T;
}

/** A method that exists in place only, such as `uniform_`. */
/* @__NO_SIDE_EFFECTS__ */
export function inPlaceOnly<T>(d: BodyDeclaration, body: (self: Tensor, values: Values, which: number) => Tensor): T {
  return custom<T>({ isFunction: false, ...d }, body);
}
