/** Recorded values become the library's values, through the public face only. */
import { asTensor, call, callMethod, construct, lookup, type Tensor, tensorFrom, tensorMethod } from "./face.ts";
import { type Cell, cellValue, type Encoded, isTagged, type TensorRecord, tensorsOf } from "./format.ts";
import { camelCase } from "./names.ts";
import { category } from "./numbers.ts";

/** How the tensors of a call are made. */
export interface DecodeOptions {
  /** False leaves `requiresGrad` off everywhere. */
  readonly grad?: boolean;
}

/** Decodes the values of one call, whose tensors are known by their ids. */
export class Decoder {
  readonly inputs: Map<number, Tensor> = new Map();
  readonly #grad: boolean;

  constructor({ grad = true }: DecodeOptions = {}) {
    this.#grad = grad;
  }

  /** The library's value. */
  value(encoded: Encoded): unknown {
    if (typeof encoded !== "object" || encoded === null) return encoded;
    if (!("t" in encoded)) return encoded.map((item) => this.value(item));
    switch (encoded.t) {
      case "tensor":
        return this.tensor(encoded);
      case "int":
        return BigInt(encoded.v);
      case "float":
        return Number(encoded.v);
      case "complex":
        return construct("Complex", [Number(encoded.re), Number(encoded.im)]);
      case "tuple":
      case "size":
        return encoded.v.map((item) => this.value(item));
      case "dict":
        return Object.fromEntries(Object.entries(encoded.v).map(([key, item]) => [key, this.value(item)]));
      case "ref":
        return this.input(encoded.id);
      case "slice":
        return call(
          "slice",
          encoded.v.map((item) => this.value(item)),
        );
      case "ellipsis":
        return "...";
      case "undef":
        return undefined;
      case "device":
        return call("device", [encoded.v]);
      default:
        return named(encoded.t, encoded.v);
    }
  }

  /** The tensor with the id of an input. */
  input(id: number): Tensor {
    const found = this.inputs.get(id);
    if (found === undefined) throw new Error(`the sample has no tensor ${id}`);
    return found;
  }

  /** A recorded tensor, remembered under its id. */
  tensor(record: TensorRecord): Tensor {
    const plain = this.#laidOut(record);
    const tensor = record.rg === true && this.#grad ? asTensor(callMethod(plain, "requiresGrad_", [])) : plain;
    if (record.id !== undefined) this.inputs.set(record.id, tensor);
    return tensor;
  }

  #laidOut(record: TensorRecord): Tensor {
    const { shape, strides, offset = 0 } = record;
    if (strides !== undefined && record.data === undefined) {
      const storage =
        record.storage_of === undefined
          ? flat(record.storage ?? [], record.dtype)
          : tensorMethod(this.input(record.storage_of), "detach");
      return tensorMethod(storage, "asStrided", [shape, strides, offset]);
    }
    return contiguous(record);
  }
}

/** A dtype, memory format, layout or function of the face by PyTorch's name; `nn.X()` is a fresh module. */
function named(kind: "dtype" | "memory_format" | "layout" | "callable", name: string): unknown {
  if (kind === "callable" && name.endsWith("()")) return construct(name.slice(0, -2), []);
  const found = lookup(name);
  if (found === undefined) throw new Error(`not implemented: ${kind} ${camelCase(name)}`);
  return found;
}

/** A recorded tensor as a contiguous one, whatever its strides were. */
export function contiguous({ data = [], dtype, shape }: TensorRecord): Tensor {
  const elements = flat(data, dtype);
  return shape.length === 1 ? elements : tensorMethod(elements, "reshape", [shape]);
}

/** A 1-D tensor of recorded numbers. */
function flat(cells: readonly Cell[], dtype: string): Tensor {
  return tensorFrom("tensor", [elementsOf(cells, dtype), { dtype: named("dtype", dtype) }]);
}

/** Recorded numbers in the form that `torch.tensor` takes for the dtype without loss. */
function elementsOf(cells: readonly Cell[], dtype: string): unknown {
  if (dtype === "int64") return BigInt64Array.from(cells, (cell) => BigInt(cell));
  if (dtype === "bool") return cells.map((cell) => cell === 1);
  if (category(dtype) === 1) return Int32Array.from(cells, Number);
  if (category(dtype) === 2) return Float64Array.from(cells, Number);
  const parts = cells.map(Number);
  return Array.from({ length: parts.length / 2 }, (_, i) => construct("Complex", [parts[2 * i], parts[2 * i + 1]]));
}

/** Whether a recorded value holds a Python float that is integral: a JS number with that value counts as an int. */
export function hasIntegralFloat(encoded: Encoded): boolean {
  if (isTagged(encoded, "float")) {
    const value = cellValue(encoded.v);
    return Number.isSafeInteger(value) && !Object.is(value, -0);
  }
  if (typeof encoded !== "object" || encoded === null) return false;
  if (!("t" in encoded)) return encoded.some(hasIntegralFloat);
  return isTagged(encoded, "tuple") && encoded.v.some(hasIntegralFloat);
}

/** Whether a recorded value names or holds complex numbers. */
export function hasComplex(encoded: Encoded): boolean {
  const isComplex = (dtype: string) => category(dtype) === 3;
  return isTagged(encoded, "dtype") ? isComplex(encoded.v) : tensorsOf(encoded).some(({ dtype }) => isComplex(dtype));
}
