/** The rectifiers and their kin, out of place and in place, as functions that the declarations share. */
import { bool, float64 } from "../../core/dtype.ts";
import { check } from "../../core/errors.ts";
import { defaultGenerator } from "../../core/generator.ts";
import { fillUniform } from "../../core/sampling.ts";
import type { Scalar } from "../../core/scalar.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as ir from "../../ir/expr.ts";
import { differentiable, overwrite, unrecorded, type Values } from "../define.ts";
import { emptyTensor, isMeta } from "../operands.ts";
import { type Kernel, kernel, noBool, onlyFloat, scalarTo } from "./kernel.ts";

/** An activation's two kernels: the derivative of the second reads the result, since the input is gone. */
interface Unit {
  readonly fresh: Kernel;
  readonly written: Kernel;
}

function run(unit: Unit, self: Tensor, numbers: readonly Scalar[], inplace: boolean): Tensor {
  if (inplace) return unit.written.applyInplace(self, [self, ...numbers]);
  return unit.fresh.apply([self, ...numbers]);
}

/** The kernel whose gradient PyTorch refuses: the result of a negative slope does not tell the input's sign. */
const refused = (name: string, arity: number, value: (...inputs: ir.Expr[]) => ir.Value, message: string): Kernel =>
  kernel(name, arity, value, { missing: [message] });

const negativeSlope = (what: string): string =>
  `In-place ${what} backward calculation is triggered with a negative slope which is not supported. This is caused ` +
  "by calling in-place forward function with a negative slope, please call out-of-place version instead.";

// ---------------------------------------------------------------- piecewise linear

const belowThreshold = (x: ir.Expr, limit: ir.Expr): ir.Expr => ir.le(x, limit);
const thresholdKernel = kernel("threshold", 3, (x, limit, value) => ir.select(belowThreshold(x!, limit!), value!, x!), {
  grads: [(g, [x, limit]) => ir.select(belowThreshold(x!, limit!), 0, g), null, null],
});
const thresholdUnit: Unit = { fresh: thresholdKernel, written: thresholdKernel };

/** `threshold`: what is not above the limit becomes `value`. */
export function thresholdOf(self: Tensor, limit: Scalar, value: Scalar, inplace: boolean): Tensor {
  noBool("threshold_cpu")(self.dtype);
  return run(thresholdUnit, self, [scalarTo(limit, self.dtype), scalarTo(value, self.dtype)], inplace);
}

const beyond = (x: ir.Expr, min: ir.Expr, max: ir.Expr): ir.Expr => ir.or(ir.le(x, min), ir.ge(x, max));
const clipped = (x: ir.Expr, min: ir.Expr, max: ir.Expr): ir.Expr => ir.min(ir.max(x, min), max);
const hardtanhUnit: Unit = {
  fresh: kernel("hardtanh", 3, (x, min, max) => clipped(x!, min!, max!), {
    grads: [(g, [x, min, max]) => ir.select(beyond(x!, min!, max!), 0, g), null, null],
  }),
  written: kernel("hardtanh", 3, (x, min, max) => clipped(x!, min!, max!), {
    node: "HardtanhBackward1",
    grads: [(g, [, min, max], out) => ir.select(beyond(out, min!, max!), 0, g), null, null],
  }),
};

/** `hardtanh`: limits, which get no gradient themselves. */
export function hardtanhOf(self: Tensor, min: Scalar, max: Scalar, inplace: boolean): Tensor {
  const { dtype } = self;
  check(dtype !== bool, () => "Bool inputs not supported for hardtanh");
  check(
    dtype.isSigned || (Number(min) >= 0 && Number(max) >= 0),
    () => "cannot do hardtanh on an unsigned type with negative limits",
  );
  return run(hardtanhUnit, self, [scalarTo(min, dtype), scalarTo(max, dtype)], inplace);
}

const leaky = (x: ir.Expr, slope: ir.Expr): ir.Expr => ir.select(ir.gt(x, 0), x, ir.mul(x, slope));
const leakyUnit = (name: string, node: string): Unit => ({
  fresh: kernel(name, 2, (x, slope) => leaky(x!, slope!), {
    node: `${node}0`,
    grads: [(g, [x, slope]) => ir.select(ir.gt(x!, 0), g, ir.mul(g, slope!)), null],
  }),
  written: kernel(name, 2, (x, slope) => leaky(x!, slope!), {
    node: `${node}1`,
    grads: [(g, [, slope], out) => ir.select(ir.gt(out, 0), g, ir.mul(g, slope!)), null],
  }),
});
const leakyRelu = leakyUnit("leakyRelu", "LeakyReluBackward");
const meanRelu = leakyUnit("rrelu", "RreluWithNoiseBackward");
const refusedRelu = refused(
  "leakyRelu",
  2,
  (x, slope) => leaky(x!, slope!),
  `${negativeSlope("leakyReLu")} File an issue at https://github.com/pytorch/pytorch if you do require supporting ` +
    "in-place leakRelu backward calculation with negative slope",
);

function leakyOf(unit: Unit, self: Tensor, slope: number, inplace: boolean): Tensor {
  onlyFloat("leaky_relu_cpu")(self.dtype);
  if (inplace && slope < 0) return overwrite(self, (source) => refusedRelu.apply([source, slope]));
  return run(unit, self, [slope], inplace);
}

/** `leakyRelu`: `x` above 0, else `slope * x`. */
export function leakyReluOf(self: Tensor, slope: number, inplace: boolean): Tensor {
  return leakyOf(leakyRelu, self, slope, inplace);
}

// ---------------------------------------------------------------- random slopes

/** The parameters of `rrelu`. */
export const randomSlopes = "lower:float=0.125 upper:float=0.3333333333333333 training:bool=false";

/** `rrelu`: a slope of its own for each element that is not above 0, else the mean of both ends for all. */
export function rreluOf(self: Tensor, v: Values, inplace: boolean): Tensor {
  const [lower, upper] = [v.lower as number, v.upper as number];
  check(lower <= upper, () => "Lower bound should be less than or equal to the upper bound");
  if (v.training !== true) return leakyOf(meanRelu, self, (lower + upper) / 2, inplace);
  onlyFloat("rrelu_with_noise_out_cpu")(self.dtype);
  return inplace ? overwrite(self, (source) => drawn(source, lower, upper)) : drawn(self, lower, upper);
}

function drawn(self: Tensor, lower: number, upper: number): Tensor {
  const noise = unrecorded(() => slopes(self, lower, upper).to(self.dtype));
  const out = unrecorded(() => self.mul(noise));
  return differentiable("RreluWithNoiseBackward0", out, [self], [noise], ([g], [factors]) => [g!.mul(factors!)]);
}

/** The factor of each element: 1 above 0, else a draw, in the order of the elements. */
function slopes(self: Tensor, lower: number, upper: number): Tensor {
  const drawing = self.le(0).contiguous();
  const out = emptyTensor(self.shape, float64, self.device);
  if (isMeta(out)) return out;
  const { layout, storage } = drawing.impl;
  const flags = storage.bytes().subarray(layout.offset, layout.offset + layout.numel);
  const draws = new Float64Array(flags.reduce((count, flag) => count + flag, 0));
  fillUniform(draws, float64, defaultGenerator, lower, upper);
  const factors = out.impl.storage.window(float64);
  let at = 0;
  flags.forEach((flag, i) => {
    factors[i] = flag === 0 ? 1 : draws[at++]!;
  });
  return out;
}

// ---------------------------------------------------------------- exponential linear units

const exponential = (x: ir.Expr, negative: ir.Expr, positive: ir.Expr, inner: ir.Expr): ir.Expr =>
  ir.select(ir.le(x, 0), ir.mul(ir.expm1(ir.mul(x, inner)), negative), ir.mul(x, positive));

function exponentialUnit(name: string, node: string): Unit {
  return {
    fresh: kernel(name, 4, (x, negative, positive, inner) => exponential(x!, negative!, positive!, inner!), {
      node: `${node}0`,
      grads: [
        (g, [x, negative, positive, inner]) => {
          const below = ir.mul(ir.mul(ir.mul(g, inner!), negative!), ir.exp(ir.mul(x!, inner!)));
          return ir.select(ir.le(x!, 0), below, ir.mul(g, positive!));
        },
        null,
        null,
        null,
      ],
    }),
    written: kernel(name, 4, (x, negative, positive, inner) => exponential(x!, negative!, positive!, inner!), {
      node: `${node}1`,
      grads: [
        (g, [, negative, positive, inner], out) =>
          ir.select(ir.le(out, 0), ir.mul(ir.mul(g, inner!), ir.add(out, negative!)), ir.mul(g, positive!)),
        null,
        null,
        null,
      ],
    }),
  };
}
const eluUnit = exponentialUnit("elu", "EluBackward");
const celuUnit = exponentialUnit("celu", "CeluBackward");
const refusedElu = refused(
  "elu",
  4,
  (x, negative, positive, inner) => exponential(x!, negative!, positive!, inner!),
  negativeSlope("elu"),
);

function exponentialOf(unit: Unit, self: Tensor, numbers: readonly [number, number, number], inplace: boolean): Tensor {
  onlyFloat("elu_cpu")(self.dtype);
  if (inplace && numbers[0] < 0) return overwrite(self, (source) => refusedElu.apply([source, ...numbers]));
  return run(unit, self, numbers, inplace);
}

/** `elu`: `x` above 0, else `alpha * (exp(x) - 1)`. */
export function eluOf(self: Tensor, alpha: number, inplace: boolean): Tensor {
  return exponentialOf(eluUnit, self, [alpha, 1, 1], inplace);
}

/** `celu`: `x` above 0, else `alpha * (exp(x / alpha) - 1)`. */
export function celuOf(self: Tensor, alpha: number, inplace: boolean): Tensor {
  check(alpha !== 0, () => "ZeroDivisionError: alpha cannot be 0 for CELU");
  return exponentialOf(celuUnit, self, [alpha, 1, 1 / alpha], inplace);
}

/** The factors of SELU (Klambauer et al. 2017), as PyTorch has them. */
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** `selu`: `elu` scaled so that it keeps mean 0 and variance 1. */
export function seluOf(self: Tensor, inplace: boolean): Tensor {
  return exponentialOf(eluUnit, self, [seluAlpha * seluScale, seluScale, 1], inplace);
}
