/** What a tensor is: a storage, a layout, a dtype, a version and what autograd knows. Operators are installed. */

import type { AutogradMembers } from "../autograd/members.ts";
import type { Inplace, Methods } from "../ops/call.ts";
import type * as ops from "../ops/index.ts";
import type { Members } from "../ops/members.ts";
import type { Device } from "./device.ts";
import type { DType } from "./dtype.ts";
import type { Layout, Size } from "./layout.ts";
import type { Storage } from "./storage.ts";
import { printsAs } from "./symbols.ts";

/** Counts in-place writes; shared by a tensor, its views and its `detach`. */
export interface VersionCell {
  value: number;
}

/** What autograd knows of a tensor; the fields' types belong to autograd/node.ts. */
export interface AutogradMeta {
  requiresGrad: boolean;
  grad: Tensor | null;
  gradFn: GradFn | null;
  /** Which output of `gradFn` the tensor is. */
  outputNr: number;
  retainsGrad: boolean;
  /** Called with a leaf after a gradient was added to `grad`. */
  hooks: Map<number, (leaf: Tensor) => void> | null;
  /** The leaf's node that accumulates into `grad`. */
  accumulator: GradFn | null;
  view: ViewInfo | null;
}

/** The part of a node that the core needs to know. */
export interface GradFn {
  readonly title: string;
}

/** How a tensor views another: always the root, never a view. */
export interface ViewInfo {
  readonly base: Tensor;
  /** How the view was made, which decides what an in-place write to it may do. */
  readonly creation: "single" | "multi" | "noGrad" | "inference";
  /** The version at which the view's `gradFn` was last right. */
  version: number;
}

/** The inside of a tensor; replaced piecewise by `x.data = y`, `set_` and in-place layout changes. */
export class TensorImpl {
  storage: Storage;
  layout: Layout;
  /** How the elements are read: the dtype, or a lazily conjugated or negated form of it. */
  dtype: DType;
  /** Made at the first write or the first sharing. */
  cell: VersionCell | null = null;
  meta: AutogradMeta | null = null;
  /** Made in inference mode. */
  inference = false;

  constructor(storage: Storage, layout: Layout, dtype: DType) {
    this.storage = storage;
    this.layout = layout;
    this.dtype = dtype;
  }
}

const brand: unique symbol = Symbol.for("cresset.Tensor") as never;

/** What only tensors of this copy of the package extend: quicker to ask for than their brand. */
class Own {}

/**
 * A multi-dimensional array of one dtype that shares its storage with its views.
 * @example x.T // tensor([[0., 3.], [1., 4.], [2., 5.]])
 */
export class Tensor extends Own {
  /** Not for users: the library's own view of the tensor. */
  readonly impl: TensorImpl;

  /**
   * PyTorch's legacy constructor: `new Tensor(2, 3)` is an uninitialised float32 tensor of that size, `new Tensor([..])`
   * has this data. Use `torch.tensor` instead.
   */
  constructor(...args: unknown[]) {
    super();
    const first = args[0];
    this.impl = first instanceof TensorImpl ? first : Tensor.legacy(args);
  }

  /**
   * Makes the inside for the legacy constructor; installed by ops/create.
   * @internal
   */
  static legacy: (args: unknown[]) => TensorImpl;

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== Tensor) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isTensor(value);
  }

  get dtype(): DType {
    return this.impl.dtype.shown;
  }

  get device(): Device {
    return this.impl.storage.device;
  }

  get shape(): Size {
    return this.impl.layout.size;
  }

  get ndim(): number {
    return this.impl.layout.rank;
  }

  /** Number of dimensions. */
  dim(): number {
    return this.impl.layout.rank;
  }

  /**
   * Number of elements.
   * @example x.numel() // 6
   */
  numel(): number {
    return this.impl.layout.numel;
  }

  /** Number of elements. */
  nelement(): number {
    return this.impl.layout.numel;
  }

  /**
   * Position of the first element in the storage, in elements.
   * @example x.at(1).storageOffset() // 3
   */
  storageOffset(): number {
    return this.impl.layout.offset;
  }

  /**
   * The storage that this tensor shares with its views.
   * @example x.untypedStorage().nbytes // 24
   */
  untypedStorage(): Storage {
    this.impl.storage.escaped = true;
    return this.impl.storage;
  }

  /**
   * Address of the first element, in bytes: the storage's `dataPtr()` plus the offset. Equal for tensors that begin at
   * one element; `torch.lens.sharing` says how much two share.
   * @example x.dataPtr() === x.T.dataPtr() // true
   */
  dataPtr(): number {
    return this.impl.storage.dataPtr() + this.impl.layout.offset * this.impl.dtype.itemsize;
  }

  /** Bytes of one element. */
  elementSize(): number {
    return this.impl.dtype.itemsize;
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return this.impl.dtype.itemsize;
  }

  /** Bytes that the elements take. */
  get nbytes(): number {
    return this.impl.layout.numel * this.impl.dtype.itemsize;
  }

  /** How many in-place writes this tensor, its views and its `detach` have seen. */
  get _version(): number {
    return this.impl.cell === null ? 0 : this.impl.cell.value;
  }

  /** `a + b` would be silent nonsense in JavaScript. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new TypeError("a Tensor is no number: write a.add(b), a.mul(2) or x.item()");
  }
}

export interface Tensor
  extends Omit<Methods<typeof ops>, keyof Members>,
    Inplace<typeof ops>,
    AutogradMembers,
    Members {}

printsAs(Tensor);
Object.defineProperty(Tensor.prototype, brand, { value: true });

/**
 * Whether a value is a Tensor, also of another copy of this package.
 * @example torch.isTensor(x) // true
 */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && (value instanceof Own || brand in value);
}

/** A tensor over this storage. */
export function wrap(storage: Storage, layout: Layout, dtype: DType): Tensor {
  return new Tensor(new TensorImpl(storage, layout, dtype));
}

/** The version cell, made when it is first needed. */
export function versionCell(t: Tensor): VersionCell {
  t.impl.cell ??= { value: 0 };
  return t.impl.cell;
}

/** Records one in-place write. */
export function bump(t: Tensor): void {
  versionCell(t).value++;
  t.impl.storage.writes++;
}

/** `torch.FloatTensor`: how PyTorch names a tensor's type in messages. */
export function legacyTypeName(t: Tensor): string {
  return `torch.${t.impl.dtype.scalarName}Tensor`;
}
