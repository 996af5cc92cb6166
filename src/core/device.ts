/** `torch.device`, and which devices there are. */

import { AssertionError, check, RuntimeError } from "./errors.ts";
import { printsAs } from "./symbols.ts";

const known =
  "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, ort, xla, lazy, vulkan, mps, meta, hpu, privateuseone";

/**
 * A kind of device and, where there are several, its number.
 * @example torch.device("cpu").type // 'cpu'
 */
export class Device {
  readonly type: string;
  readonly index: number | null;

  constructor(type: string, index: number | null) {
    this.type = type;
    this.index = index;
    Object.freeze(this);
  }

  equals(other: unknown): boolean {
    return other instanceof Device && other.type === this.type && other.index === this.index;
  }

  /** `cuda:0` */
  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }
}

printsAs(Device, (d) => `device(type='${d.type}'${d.index === null ? "" : `, index=${d.index}`})`);

export const cpu: Device = new Device("cpu", null);
/** Tensors without memory: shapes and dtypes only. */
export const meta: Device = new Device("meta", null);

/**
 * A device from its text, or from its kind and number.
 * @throws RuntimeError for a kind that PyTorch does not know, or a text that is not `kind` or `kind:number`.
 * @example torch.device("cuda:0").index // 0
 */
export function device(type: string | Device, index?: number | null): Device {
  if (type instanceof Device) return type;
  if (typeof type !== "string") throw new TypeError(`device(): argument 'type' must be str, not ${typeof type}`);
  const match = /^([a-z_]+)(?::(0|[1-9]\d*))?$/.exec(type);
  check(match !== null, () => `Invalid device string: '${type}'`);
  const kind = match[1]!;
  check(
    known.split(", ").includes(kind),
    () => `Expected one of ${known} device type at start of device string: ${kind}`,
  );
  const number = match[2] === undefined ? (index ?? null) : Number(match[2]);
  if (number === null) {
    if (kind === "cpu") return cpu;
    if (kind === "meta") return meta;
  }
  return new Device(kind, number);
}

/** The device that tensors can be made on; throws PyTorch's error for those this build has not. */
export function usableDevice(d: Device | string): Device {
  const wanted = device(d);
  if (wanted.type === "cpu") return cpu;
  if (wanted.type === "meta") return meta;
  if (wanted.type === "cuda") throw new AssertionError("Torch not compiled with CUDA enabled");
  throw new RuntimeError(`Cresset has no device of type ${wanted.type}: only cpu and meta`);
}
