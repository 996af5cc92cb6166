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
/**
 * Always throws: there is no CUDA device.
 * @throws AssertionError
 * @example if (torch.cuda.isAvailable()) torch.cuda.currentDevice();
 */
export const currentDevice = (): number => missing();
/**
 * Always throws: there is no CUDA device.
 * @throws AssertionError
 * @example if (torch.cuda.isAvailable()) torch.cuda.getDeviceName();
 */
export const getDeviceName = (_device?: unknown): string => missing();
/**
 * Always throws: there is no CUDA device.
 * @throws AssertionError
 * @example if (torch.cuda.isAvailable()) torch.cuda.synchronize();
 */
export const synchronize = (_device?: unknown): void => missing();
/**
 * Does nothing, as in a PyTorch without CUDA.
 * @example torch.cuda.emptyCache();
 */
export const emptyCache = (): void => undefined;
/**
 * Does nothing, as in a PyTorch without CUDA.
 * @example torch.cuda.manualSeedAll(0);
 */
export const manualSeedAll = (_seed: number | bigint): void => undefined;
