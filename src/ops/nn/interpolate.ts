/** Images in another size. */
import { dtypes } from "../../core/dtype.ts";
import { check, NotImplementedError, ValueError } from "../../core/errors.ts";
import { list } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { Dims, Op } from "../call.ts";
import { fn, type Values } from "../define.ts";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./adaptive.ts";
import { tuple } from "./raw.ts";
import {
  type Axis,
  cubic,
  cubicAntialiased,
  linear,
  linearAntialiased,
  nearest,
  nearestExact,
  resample,
  type Taps,
} from "./resample.ts";

/** How values between pixels are found. */
export type InterpolateMode = "nearest" | "linear" | "bilinear" | "bicubic" | "trilinear" | "area" | "nearest-exact";

/** `interpolate(input, size, scaleFactor, mode, alignCorners, recomputeScaleFactor, antialias)`. */
export type Interpolate = Op<
  [
    size?: Dims | null,
    scaleFactor?: number | readonly number[] | null,
    mode?: InterpolateMode,
    alignCorners?: boolean | null,
    recomputeScaleFactor?: boolean | null,
    antialias?: boolean,
  ],
  "size scaleFactor mode alignCorners recomputeScaleFactor antialias"
>;

const modes = "nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact";

/** How many spatial dims a mode is for, where that is one number. */
const modeDims: Readonly<Record<string, number>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 };

/** What is known of a size before the mode is looked at. */
interface Target {
  readonly sizes: readonly number[];
  readonly factors: readonly number[] | null;
}

const formats = "Please provide input tensor in (N, C, d1, d2, ...,dK) format and";

function numbersOf(value: unknown): number[] | null {
  if (value === null || value === undefined) return null;
  return (Array.isArray(value) ? value : [value]).map(Number);
}

function targetOf(x: Tensor, v: Values): Target {
  const dims = x.dim() - 2;
  const spatial = x.shape.slice(2);
  const [size, given] = [numbersOf(v.size), numbersOf(v.scaleFactor)];
  check(size === null || given === null, () => "only one of size or scale_factor should be defined", ValueError);
  check(size !== null || given !== null, () => "either size or scale_factor should be defined", ValueError);
  if (size !== null) {
    check(
      !Array.isArray(v.size) || size.length === dims,
      () =>
        "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of " +
        `${list(spatial)} and output size of ${tuple(size)}. ${formats} output size in (o1, o2, ...,oK) format.`,
      ValueError,
    );
    check(
      v.recomputeScaleFactor !== true,
      () => "recompute_scale_factor is not meaningful with an explicit size.",
      ValueError,
    );
    return { sizes: Array.isArray(v.size) ? size : spatial.map(() => size[0]!), factors: null };
  }
  check(
    !Array.isArray(v.scaleFactor) || given!.length === dims,
    () =>
      "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of " +
      `${list(spatial)} and scale_factor of shape ${tuple(given!)}. ${formats} scale_factor in (s1, s2, ...,sK) format.`,
    ValueError,
  );
  const factors = Array.isArray(v.scaleFactor) ? given! : spatial.map(() => given![0]!);
  const sizes = spatial.map((n, d) => Math.floor(n * factors[d]!));
  return { sizes, factors: v.recomputeScaleFactor === true ? null : factors };
}

function checkMode(x: Tensor, mode: string): void {
  const dims = x.dim() - 2;
  const known = ["nearest", "nearest-exact", "area"].includes(mode) || mode in modeDims;
  const any = `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${x.dim()}D) for the modes: ${modes} (got ${mode})`;
  check(known && dims >= 1 && dims <= 3, () => any, NotImplementedError);
  const needed = modeDims[mode];
  if (needed === undefined || needed === dims) return;
  check(mode !== "bicubic", () => any, NotImplementedError);
  throw new NotImplementedError(`Got ${x.dim()}D input, but ${mode} mode needs ${needed + 2}D input`);
}

const axisNames = ["D", "H", "W"];

function checkSizes(x: Tensor, sizes: readonly number[]): void {
  const input = x.shape.slice(2);
  const shown = (v: readonly number[]): string => v.map((n, d) => `${axisNames[3 - v.length + d]}: ${n}`).join(", ");
  check(
    [...input, ...sizes].every((n) => n > 0),
    () => `Input and output sizes should be greater than 0, but got input (${shown(input)}) output (${shown(sizes)})`,
  );
  check(
    x.shape[1]! > 0,
    () => `Non-empty ${x.dim()}D data tensor expected but got a tensor with sizes ${list(x.shape)}`,
  );
}

function pooled(x: Tensor, sizes: readonly number[]): Tensor {
  if (sizes.length === 1) return adaptiveAvgPool1d(x, sizes);
  return sizes.length === 2 ? adaptiveAvgPool2d(x, sizes) : adaptiveAvgPool3d(x, sizes);
}

interface Method {
  readonly taps: (a: Axis) => Taps;
  readonly node: string;
}

function methodOf(mode: string, dims: number, antialias: boolean): Method {
  switch (mode) {
    case "nearest":
      return { taps: nearest, node: `UpsampleNearest${dims}D` };
    case "nearest-exact":
      return { taps: nearestExact, node: `UpsampleNearestExact${dims}D` };
    case "bicubic":
      return { taps: antialias ? cubicAntialiased : cubic, node: `UpsampleBicubic2D${antialias ? "Aa" : ""}` };
    default: {
      const name = ["Linear1D", "Bilinear2D", "Trilinear3D"][dims - 1]!;
      return { taps: antialias ? linearAntialiased : linear, node: `Upsample${name}${antialias ? "Aa" : ""}` };
    }
  }
}

function resized(x: Tensor, v: Values): Tensor {
  const [mode, antialias] = [v.mode as string, v.antialias as boolean];
  const exact = mode === "nearest" || mode === "nearest-exact" || mode === "area";
  check(
    !exact || v.alignCorners === null,
    () => "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear",
    ValueError,
  );
  const target = targetOf(x, v);
  check(
    !antialias || ((mode === "bilinear" || mode === "bicubic") && x.dim() === 4),
    () => "Anti-alias option is only supported for bilinear and bicubic modes",
    ValueError,
  );
  checkMode(x, mode);
  if (mode === "area") return pooled(x, target.sizes);
  checkSizes(x, target.sizes);
  const dims = x.dim() - 2;
  const { taps, node } = methodOf(mode, dims, antialias);
  check(
    x.dtype.isFloatingPoint || (exact && x.dtype === dtypes.uint8),
    () => `"upsample_${mode === "nearest" ? "nearest" : mode}${dims}d" not implemented for '${x.dtype.scalarName}'`,
  );
  const alignCorners = (v.alignCorners as boolean | null) ?? false;
  const all = target.sizes.map((output, d) =>
    taps({ input: x.shape[d + 2]!, output, alignCorners, factor: target.factors?.[d] ?? null }),
  );
  return resample(x, all, `${node}Backward0`);
}

/**
 * [N, C, …] in another size, or scaled by factors.
 * Shapes and errors: those of `nn.Upsample`.
 * @example F.interpolate(torch.tensor([[[1, 2]]]), { scaleFactor: 2 }) // tensor([[[1., 1., 2., 2.]]])
 */
export const interpolate: Interpolate = fn<Interpolate>(
  {
    name: "interpolate",
    params:
      "input:tensor size:ints?=null scaleFactor:any?=null mode:str='nearest' alignCorners:bool?=null " +
      "recomputeScaleFactor:bool?=null antialias:bool=false",
    kind: "custom",
  },
  (v) => resized(v.input as Tensor, oneSize(v)),
);

/** A single number means every dim: a list of one that the parser made of it. */
function oneSize(v: Values): Values {
  const size = v.size as number[] | null;
  return size !== null && size.length === 1 ? { ...v, size: size[0] } : v;
}

function deprecated(name: string): void {
  warn("deprecated", `nn.functional.${name} is deprecated. Use nn.functional.interpolate instead.`);
}

/** `upsample(input, size, scaleFactor, mode, alignCorners)`. */
export type Upsample = Op<
  [
    size?: Dims | null,
    scaleFactor?: number | readonly number[] | null,
    mode?: InterpolateMode,
    alignCorners?: boolean | null,
  ],
  "size scaleFactor mode alignCorners"
>;

/**
 * `interpolate` by its old name.
 * Shapes and errors: those of `nn.Upsample`.
 * @example F.upsample(torch.tensor([[[1, 2]]]), { scaleFactor: 2 }) // tensor([[[1., 1., 2., 2.]]])
 */
export const upsample: Upsample = fn<Upsample>(
  {
    name: "upsample",
    params: "input:tensor size:ints?=null scaleFactor:any?=null mode:str='nearest' alignCorners:bool?=null",
    kind: "custom",
  },
  (v) => {
    deprecated("upsample");
    return resized(v.input as Tensor, { ...oneSize(v), recomputeScaleFactor: null, antialias: false });
  },
);

/** `upsampleNearest(input, size, scaleFactor)`. */
export type UpsampleBy = Op<[size?: Dims | null, scaleFactor?: number | readonly number[] | null], "size scaleFactor">;

const bySize = "input:tensor size:ints?=null scaleFactor:any?=null";

/**
 * `interpolate` by the nearest pixel.
 * @example F.upsampleNearest(torch.ones(1, 1, 2, 2), { scaleFactor: 2 }).shape // torch.Size([1, 1, 4, 4])
 */
export const upsampleNearest: UpsampleBy = fn<UpsampleBy>(
  { name: "upsampleNearest", params: bySize, kind: "custom" },
  (v) => {
    deprecated("upsample_nearest");
    const settings = { mode: "nearest", alignCorners: null, recomputeScaleFactor: null, antialias: false };
    return resized(v.input as Tensor, { ...oneSize(v), ...settings });
  },
);

/**
 * `interpolate` by two neighbours per dim, with aligned corners.
 * @example F.upsampleBilinear(torch.ones(1, 1, 2, 2), { scaleFactor: 2 }).shape // torch.Size([1, 1, 4, 4])
 */
export const upsampleBilinear: UpsampleBy = fn<UpsampleBy>(
  { name: "upsampleBilinear", params: bySize, kind: "custom" },
  (v) => {
    deprecated("upsample_bilinear");
    const settings = { mode: "bilinear", alignCorners: true, recomputeScaleFactor: null, antialias: false };
    return resized(v.input as Tensor, { ...oneSize(v), ...settings });
  },
);
