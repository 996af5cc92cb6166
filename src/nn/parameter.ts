/** `nn.Parameter` and `nn.Buffer`: tensors that a module registers when they are its fields. */
import { check } from "../core/errors.ts";
import { announce } from "../core/observe.ts";
import { getDefaultDtype } from "../core/scalar.ts";
import { keep } from "../core/scope.ts";
import { isTensor, Tensor, TensorImpl, versionCell } from "../core/tensor.ts";
import { printing } from "../ops/members.ts";
import { emptyTensor } from "../ops/operands.ts";
import { calls } from "./depth.ts";

const parameterBrand: unique symbol = Symbol.for("cresset.Parameter") as never;
const bufferBrand: unique symbol = Symbol.for("cresset.Buffer") as never;

/** A tensor's inside again, over the same storage and version, without history. */
function sharedImpl(data: Tensor): TensorImpl {
  const impl = new TensorImpl(data.impl.storage, data.impl.layout, data.impl.dtype);
  impl.cell = versionCell(data);
  impl.inference = data.impl.inference;
  return impl;
}

function dataOf(kind: string, data: unknown): Tensor {
  if (data === undefined || data === null) return emptyTensor([0], getDefaultDtype());
  if (!isTensor(data)) throw new TypeError(`new ${kind}(): argument 'data' must be Tensor, not ${typeof data}`);
  return data;
}

/**
 * A leaf tensor that is learned: as a field of a module it is among the module's parameters. It shares the memory of
 * `data`, and requires a gradient unless told otherwise.
 * @throws RuntimeError "Only Tensors of floating point and complex dtype can require gradients".
 * @example
 * const w = new nn.Parameter(torch.zeros(2, 3));
 * w.requiresGrad // true
 * w.isLeaf // true
 */
export class Parameter extends Tensor {
  constructor(data?: Tensor | null, requiresGrad: boolean | { requiresGrad?: boolean } = true) {
    const source = dataOf("Parameter", data);
    super(sharedImpl(source));
    keep(this);
    const wanted = typeof requiresGrad === "object" ? (requiresGrad.requiresGrad ?? true) : requiresGrad;
    check(
      !wanted || source.dtype.isDifferentiable,
      () => "Only Tensors of floating point and complex dtype can require gradients",
    );
    if (wanted) this.requiresGrad = true;
    if (calls.depth > 0) announce(() => ({ kind: "create", what: "parameter", name: null }));
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== Parameter) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isParameter(value);
  }
}

Object.defineProperty(Parameter.prototype, parameterBrand, { value: true });

/** Whether a value is a Parameter, also of another copy of this package. */
export function isParameter(value: unknown): value is Parameter {
  return isTensor(value) && parameterBrand in value;
}

/**
 * A tensor that is part of a module's state without being learned; in state dicts unless `persistent` is false. It
 * shares the memory of `data`.
 * @example new nn.Buffer(torch.zeros(2)).requiresGrad // false
 */
export class Buffer extends Tensor {
  declare readonly persistent: boolean;

  constructor(data?: Tensor | null, persistent: boolean | { persistent?: boolean } = true) {
    super(sharedImpl(dataOf("Buffer", data)));
    keep(this);
    const value = typeof persistent === "object" ? (persistent.persistent ?? true) : persistent;
    Object.defineProperty(this, "persistent", { value });
    if (calls.depth > 0) announce(() => ({ kind: "create", what: "buffer", name: null }));
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== Buffer) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isBuffer(value);
  }
}

Object.defineProperty(Buffer.prototype, bufferBrand, { value: true });

/** Whether a value is a Buffer, also of another copy of this package. */
export function isBuffer(value: unknown): value is Buffer {
  return isTensor(value) && bufferBrand in value;
}

printing.isParameter = isParameter;
