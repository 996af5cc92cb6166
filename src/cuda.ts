/** `torch.cuda`: there is none here, and every question says so as PyTorch does. */
import { AssertionError } from "./core/errors.ts";

const missing = (): never => {
  throw new AssertionError("Torch not compiled with CUDA enabled");
};

/**
 * False.
 * @example torch.cuda.isAvailable() // false
 */
export const isAvailable = (): boolean => false;
/**
 * 0.
 * @example torch.cuda.deviceCount() // 0
 */
export const deviceCount = (): number => 0;
/** Always throws: there is no CUDA device. */
export const currentDevice = (): number => missing();
/** Always throws: there is no CUDA device. */
export const getDeviceName = (_device?: unknown): string => missing();
/** Always throws: there is no CUDA device. */
export const synchronize = (_device?: unknown): void => missing();
/** Does nothing, as in a PyTorch without CUDA. */
export const emptyCache = (): void => undefined;
/** Does nothing, as in a PyTorch without CUDA. */
export const manualSeedAll = (_seed: number | bigint): void => undefined;
