/** Window functions for signals: Hann, Hamming, Blackman, Bartlett, Kaiser. */
import type { DType } from "../core/dtype.ts";
import { check } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import { getDefaultDtype } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { i0 } from "../ir/special/bessel.ts";
import type { OpInfo } from "./call.ts";
import { type CreateOptions, deviceOf, factory, finish, writer } from "./create.ts";
import { fn } from "./define.ts";
import { emptyTensor, isMeta } from "./operands.ts";

/** `window(length, periodic, options)`. */
export interface Window {
  (windowLength: number, periodic?: boolean, options?: CreateOptions): Tensor;
  (windowLength: number, options: CreateOptions & { periodic?: boolean }): Tensor;
  readonly op: OpInfo;
}

/** The value at `x` from 0 (first) to 1 (last). */
type Shape = (x: number) => number;

function makeWindow(name: string, v: Values, shape: Shape): Tensor {
  const length = v.windowLength as number;
  const dtype = (v.dtype as DType | null) ?? getDefaultDtype();
  check(dtype.isFloatingPoint, () => `${name} expects floating point dtypes, got: ${dtype}`);
  check(length >= 0, () => `${name} requires non-negative window_length, got window_length=${length}`);
  const out = emptyTensor([length], dtype, deviceOf(v));
  if (!isMeta(out) && length > 0) {
    // A periodic window is the symmetric one of one element more, without its last.
    const last = v.periodic ? length : length - 1;
    const write = writer(out.impl.storage.window(dtype), dtype);
    for (let i = 0; i < length; i++) write(i, length === 1 ? 1 : shape(i / last));
  }
  return finish(out, v);
}

function windowOf(name: string, pyName: string, shape: Shape): Window {
  return fn<Window>({ name, params: `windowLength:int periodic:bool=true ${factory}`, kind: "create" }, (v) =>
    makeWindow(pyName, v, shape),
  );
}

const wave = (x: number, turns: number): number => Math.cos(2 * Math.PI * turns * x);

/**
 * `(1 - cos) / 2`.
 * @example torch.hannWindow(4) // tensor([0.0000, 0.5000, 1.0000, 0.5000])
 */
export const hannWindow: Window = windowOf("hannWindow", "hann_window", (x) => 0.5 - 0.5 * wave(x, 1));

/**
 * `0.42 - 0.5 cos + 0.08 cos of the double`.
 * @example torch.blackmanWindow(4).at("1:") // tensor([0.3400, 1.0000, 0.3400])
 */
export const blackmanWindow: Window = windowOf(
  "blackmanWindow",
  "blackman_window",
  (x) => 0.42 - 0.5 * wave(x, 1) + 0.08 * wave(x, 2),
);

/**
 * A triangle from 0 over 1 to 0.
 * @example torch.bartlettWindow(4) // tensor([0.0000, 0.5000, 1.0000, 0.5000])
 */
export const bartlettWindow: Window = windowOf("bartlettWindow", "bartlett_window", (x) =>
  x <= 0.5 ? 2 * x : 2 - 2 * x,
);

/** `hammingWindow(length, periodic, alpha, beta)`. */
export interface HammingWindow {
  (windowLength: number, periodic?: boolean, alpha?: number, beta?: number, options?: CreateOptions): Tensor;
  (windowLength: number, periodic: boolean, alpha: number, options: CreateOptions & { beta?: number }): Tensor;
  (windowLength: number, periodic: boolean, options: CreateOptions & { alpha?: number; beta?: number }): Tensor;
  (windowLength: number, options: CreateOptions & { periodic?: boolean; alpha?: number; beta?: number }): Tensor;
  readonly op: OpInfo;
}

/**
 * `alpha - beta cos`.
 * @example torch.hammingWindow(4) // tensor([0.0800, 0.5400, 1.0000, 0.5400])
 */
export const hammingWindow: HammingWindow = fn<HammingWindow>(
  {
    name: "hammingWindow",
    params: `windowLength:int periodic:bool=true alpha:float=0.54 beta:float=0.46 ${factory}`,
    kind: "create",
  },
  (v) => makeWindow("hamming_window", v, (x) => (v.alpha as number) - (v.beta as number) * wave(x, 1)),
);

/** `kaiserWindow(length, periodic, beta)`. */
export interface KaiserWindow {
  (windowLength: number, periodic?: boolean, beta?: number, options?: CreateOptions): Tensor;
  (windowLength: number, periodic: boolean, options: CreateOptions & { beta?: number }): Tensor;
  (windowLength: number, options: CreateOptions & { periodic?: boolean; beta?: number }): Tensor;
  readonly op: OpInfo;
}

/**
 * `I0(beta sqrt(1 - (2x - 1)²)) / I0(beta)`.
 * @example torch.kaiserWindow(4) // tensor([5.2773e-05, 2.1567e-01, 1.0000e+00, 2.1567e-01])
 */
export const kaiserWindow: KaiserWindow = fn<KaiserWindow>(
  { name: "kaiserWindow", params: `windowLength:int periodic:bool=true beta:float=12 ${factory}`, kind: "create" },
  (v) => {
    const beta = v.beta as number;
    return makeWindow("kaiser_window", v, (x) => i0(beta * Math.sqrt(Math.max(1 - (2 * x - 1) ** 2, 0))) / i0(beta));
  },
);
