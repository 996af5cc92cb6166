/** `torch.backends`: what computes, and switches for it. */
import { blasSwitch, blas as found } from "./backends/native/compiler.ts";
import { typeName } from "./core/errors.ts";

/** An installed BLAS, which takes over the large matrix products of float32 and float64. */
export interface BlasBackend {
  /** Whether a library was found; `torch.config.show()` says why not. */
  isAvailable(): boolean;
  /** Whether products go to it. */
  enabled: boolean;
  /** What the library calls itself, or null. */
  readonly name: string | null;
}

/**
 * The BLAS that matrix products go to, where the optional package koffi and a library are installed.
 * @example torch.backends.blas.enabled = false
 */
export const blas: BlasBackend = {
  isAvailable: () => typeof found() !== "string",
  get enabled(): boolean {
    return blasSwitch.enabled;
  },
  set enabled(value: boolean) {
    if (typeof value !== "boolean") throw new TypeError(`enabled must be a bool, not ${typeName(value)}`);
    blasSwitch.enabled = value;
  },
  get name(): string | null {
    const library = found();
    return typeof library === "string" ? null : library.name;
  },
};

/**
 * Apple's GPUs, which PyTorch programs ask for: there are none here.
 * @example torch.backends.mps.isAvailable() // false
 */
export const mps: { isAvailable(): boolean; isBuilt(): boolean } = { isAvailable: () => false, isBuilt: () => false };
