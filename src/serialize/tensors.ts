/** The library's own tensors, as files see them. */
import { device } from "../core/device.ts";
import { dtypes, flipped } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, type Tensor, wrap } from "../core/tensor.ts";
import { Buffer, isParameter, Parameter } from "../nn/parameter.ts";
import { TypedStorage } from "../ops/members.ts";
import type { Attributes, Description, Placement, TensorAdapter } from "./adapter.ts";

const own = (storage: object): Storage => {
  if (!(storage instanceof Storage)) throw new TypeError("expected a torch.Storage");
  return storage;
};

function describe(value: object): Description | null {
  if (!isTensor(value)) return null;
  const { storage, layout, dtype } = value.impl;
  const { type } = storage.device;
  check(type === "cpu" || type === "meta", () => `save(): a tensor on the ${type} device; save x.cpu() instead`);
  return {
    storage,
    dtype: dtype.name,
    shape: layout.shape,
    strides: layout.strides,
    offset: layout.offset,
    requiresGrad: value.requiresGrad,
    isParameter: isParameter(value),
    ...(dtype.isLazy ? { pending: dtype.isComplex ? "conj" : "neg" } : {}),
  };
}

function makeTensor(storage: object, at: Placement): Tensor {
  const dtype = Object.values(dtypes).find((d) => d.name === at.dtype);
  check(dtype !== undefined, () => `there is no dtype ${at.dtype}`);
  const reading = at.pending === undefined ? dtype : flipped(dtype);
  const tensor = wrap(own(storage), new Layout(at.shape, at.strides, at.offset), reading);
  if (at.requiresGrad) tensor.requiresGrad_();
  return tensor;
}

function bareStorage(storage: object, name: string | null): object {
  const dtype = name === null ? undefined : Object.values(dtypes).find((d) => d.name === name);
  return dtype === undefined ? own(storage) : new TypedStorage(own(storage), dtype);
}

const tensorOf = (value: object): Tensor => {
  check(isTensor(value), () => "expected a tensor");
  return value;
};

/** Everything that a user has put on a tensor; the class itself has one field. */
function attributes(tensor: object): Attributes {
  return Object.entries(tensor).filter(([name]) => name !== "impl");
}

function setAttributes(tensor: object, given: Attributes): void {
  for (const [name] of given) {
    check(!(name in tensor), () => `load(): the attribute ${name} of a tensor has the name of a member of Tensor`);
  }
  for (const [name, value] of given) {
    Object.defineProperty(tensor, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** The adapter that `torch.save` and `torch.load` use. */
export const tensors: TensorAdapter = {
  describe,
  isStorage: (value) => value instanceof Storage,
  describeStorage(value) {
    if (value instanceof Storage) return { storage: value, dtype: null };
    return value instanceof TypedStorage ? { storage: value.untyped(), dtype: value.dtype.name } : null;
  },
  makeBareStorage: bareStorage,
  hasDType: (dtype) => Object.hasOwn(dtypes, dtype),
  nbytes: (storage) => own(storage).nbytes,
  far: () => null,
  bytes: (storage) => (own(storage).device.type === "cpu" ? own(storage).bytes() : null),
  writes: (storage) => own(storage).writes,
  makeStorage(nbytes, name) {
    const storage = new Storage(device(name), nbytes);
    storage.escaped = true;
    return storage;
  },
  makeTensor,
  makeParameter: (tensor, requiresGrad) => new Parameter(tensorOf(tensor), requiresGrad),
  makeBuffer: (tensor, persistent) => new Buffer(tensorOf(tensor), persistent),
  attributes,
  setAttributes,
};
