/** The library's own tensors, as files see them. */
import { device } from "../core/device.ts";
import { dtypes, flipped } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import { Layout } from "../core/layout.ts";
import { Storage } from "../core/storage.ts";
import { isTensor, type Tensor, wrap } from "../core/tensor.ts";
import type { Description, Placement, TensorAdapter } from "./adapter.ts";

/** How a Parameter is told from a tensor, and made of one; set once `nn` is there. */
export interface Parameters {
  is(tensor: Tensor): boolean;
  make(data: Tensor, requiresGrad: boolean): Tensor;
}

let parameters: Parameters | null = null;

/** Tells files about the Parameter class, which stands above them. */
export function setParameters(p: Parameters): void {
  parameters = p;
}

const own = (storage: object): Storage => {
  if (!(storage instanceof Storage)) throw new TypeError("expected a torch.Storage");
  return storage;
};

function describe(value: object): Description | null {
  if (!isTensor(value)) return null;
  const { storage, layout, dtype } = value.impl;
  check(storage.device.type === "cpu", () => `save(): a tensor on the ${storage.device} device; save x.cpu() instead`);
  return {
    storage,
    dtype: dtype.name,
    shape: layout.shape,
    strides: layout.strides,
    offset: layout.offset,
    requiresGrad: value.requiresGrad,
    isParameter: parameters?.is(value) ?? false,
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

/** The adapter that `torch.save` and `torch.load` use. */
export const tensors: TensorAdapter = {
  describe,
  isStorage: (value) => value instanceof Storage,
  hasDType: (dtype) => Object.hasOwn(dtypes, dtype),
  bytes: (storage) => (own(storage).device.type === "cpu" ? own(storage).bytes() : null),
  writes: (storage) => own(storage).writes,
  makeStorage(nbytes, name) {
    const storage = new Storage(device(name), nbytes);
    storage.escaped = true;
    return storage;
  },
  makeTensor,
  makeParameter(tensor, requiresGrad) {
    check(isTensor(tensor), () => "expected a tensor");
    check(parameters !== null, () => "load(): the file holds a Parameter, but nn is not there");
    return parameters.make(tensor, requiresGrad);
  },
};
