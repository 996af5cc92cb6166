/** Images read along grids of coordinates, and the grids of affine maps. */
import { int64 } from "../../core/dtype.ts";
import { check, NotImplementedError, ValueError } from "../../core/errors.ts";
import { list, product, sizeOf } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import { warn } from "../../core/warnings.ts";
import type { Op } from "../call.ts";
import { fn } from "../define.ts";
import { oneNode } from "./one-node.ts";
import { tuple } from "./raw.ts";

/** What lies outside of the image. */
export type GridPadding = "zeros" | "border" | "reflection";

/** `gridSample(input, grid, mode, paddingMode, alignCorners)`. */
export type GridSample = Op<
  [grid: Tensor, mode?: "bilinear" | "nearest" | "bicubic", paddingMode?: GridPadding, alignCorners?: boolean | null],
  "grid mode paddingMode alignCorners"
>;

interface Sampling {
  readonly padding: GridPadding;
  readonly alignCorners: boolean;
}

/** From [-1, 1] to pixels. */
function toPixels(x: Tensor, size: number, alignCorners: boolean): Tensor {
  if (alignCorners)
    return x
      .add(1)
      .div(2)
      .mul(size - 1);
  return x.add(1).mul(size).sub(1).div(2);
}

/** Into the image; PyTorch's gradient is 0 at the border too. */
function clipped(x: Tensor, size: number): Tensor {
  const inside = x.gt(0).logicalAnd(x.lt(size - 1));
  // NaN counts as 0, so that it can be an index.
  const edge = x
    .detach()
    .nanToNum(0)
    .clamp(0, size - 1);
  return x.where(inside, edge);
}

/** Mirrored at the borders until it lies within; the borders are at the pixels' centres or edges. */
function reflected(x: Tensor, size: number, alignCorners: boolean): Tensor {
  const low = alignCorners ? 0 : -0.5;
  const span = alignCorners ? size - 1 : size;
  if (span === 0) return x.mul(0);
  const shifted = x.sub(low);
  const distance = shifted.neg().where(shifted.lt(0), shifted);
  const flips = distance.detach().div(span).floor();
  const extra = distance.sub(flips.mul(span));
  return extra.where(flips.remainder(2).eq(0), extra.neg().add(span)).add(low);
}

/** A coordinate in pixels under the padding. */
function padded(x: Tensor, size: number, s: Sampling): Tensor {
  if (s.padding === "zeros") return x;
  return clipped(s.padding === "border" ? x : reflected(x, size, s.alignCorners), size);
}

/** The pixels at whole coordinates (one tensor [N, P] per dim), 0 outside: [N, C, P]. */
function pixelsAt(image: Tensor, at: readonly Tensor[]): Tensor {
  const sizes = image.shape.slice(2);
  const [n = 0, c = 0] = image.shape;
  let inside = at[0]!.ge(0);
  let index = at[0]!.mul(0);
  at.forEach((x, d) => {
    inside = inside.logicalAnd(x.ge(0)).logicalAnd(x.le(sizes[d]! - 1));
    index = index.mul(sizes[d]!).add(x.nanToNum(0).clamp(0, sizes[d]! - 1));
  });
  const flat = image.reshape(n, c, product(sizes));
  const position = index.nanToNum(0).to(int64).unsqueeze(1).expand(n, c, index.shape[1]!);
  return flat.gather(2, position).where(inside.unsqueeze(1), 0);
}

function sampleNearest(image: Tensor, at: readonly Tensor[]): Tensor {
  return pixelsAt(
    image,
    at.map((x) => x.detach().round()),
  );
}

/** The 2^d neighbours by their distances. */
function sampleLinear(image: Tensor, at: readonly Tensor[]): Tensor {
  const low = at.map((x) => x.detach().floor());
  const share = at.map((x, d) => x.sub(low[d]!));
  let sum: Tensor | null = null;
  for (let corner = 0; corner < 2 ** at.length; corner++) {
    const high = at.map((_, d) => ((corner >> d) & 1) === 1);
    const weight = share.map((s, d) => (high[d] ? s : s.neg().add(1))).reduce((a, b) => a.mul(b));
    const position = low.map((x, d) => (high[d] ? x.add(1) : x));
    const part = pixelsAt(image, position).mul(weight.unsqueeze(1));
    sum = sum === null ? part : sum.add(part);
  }
  return sum!;
}

/** Keys' cubic with a = -0.75, at four distances from a fraction. */
function cubicShares(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (x: Tensor): Tensor =>
    x
      .mul(a + 2)
      .sub(a + 3)
      .mul(x)
      .mul(x)
      .add(1);
  const far = (x: Tensor): Tensor =>
    x
      .mul(a)
      .sub(5 * a)
      .mul(x)
      .add(8 * a)
      .mul(x)
      .sub(4 * a);
  const rest = t.neg().add(1);
  return [far(t.add(1)), near(t), near(rest), far(rest.add(1))];
}

/** The 4 × 4 neighbours by a cubic; the padding applies to each of them. */
function sampleCubic(image: Tensor, at: readonly Tensor[], s: Sampling): Tensor {
  const low = at.map((x) => x.detach().floor());
  const shares = at.map((x, d) => cubicShares(x.sub(low[d]!)));
  let sum: Tensor | null = null;
  for (let i = 0; i < 4; i++) {
    let row: Tensor | null = null;
    for (let j = 0; j < 4; j++) {
      const position = [low[0]!.add(i - 1), low[1]!.add(j - 1)].map((x, d) =>
        padded(x, image.shape[d + 2]!, s).detach(),
      );
      const part = pixelsAt(image, position).mul(shares[1]![j]!.unsqueeze(1));
      row = row === null ? part : row.add(part);
    }
    const line = row!.mul(shares[0]![i]!.unsqueeze(1));
    sum = sum === null ? line : sum.add(line);
  }
  return sum!;
}

function sample(image: Tensor, grid: Tensor, mode: string, s: Sampling): Tensor {
  const dims = image.dim() - 2;
  const [n = 0, c = 0] = image.shape;
  const sizes = image.shape.slice(2);
  // The grid's last dim is x, y, z: the image's dims from the last to the first.
  const pixels = sizes.map((size, d) => toPixels(grid.select(-1, dims - 1 - d).reshape(n, -1), size, s.alignCorners));
  const shape = [n, c, ...grid.shape.slice(1, -1)];
  if (mode === "bicubic") return sampleCubic(image, pixels, s).reshape(shape);
  const at = pixels.map((x, d) => padded(x, sizes[d]!, s));
  return (mode === "nearest" ? sampleNearest(image, at) : sampleLinear(image, at)).reshape(shape);
}

const changed =
  "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify " +
  "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.";

function checkGrid(image: Tensor, grid: Tensor, mode: string): void {
  const sizes = `but got input with sizes ${list(image.shape)} and grid with sizes ${list(grid.shape)}`;
  check(
    image.shape[0] === grid.shape[0],
    () => `grid_sampler(): expected grid and input to have same batch size, ${sizes}`,
  );
  check(
    grid.shape.at(-1) === image.dim() - 2,
    () =>
      `grid_sampler(): expected grid to have size ${image.dim() - 2} in last dimension, but got grid with sizes ` +
      list(grid.shape),
  );
  check(
    (image.dim() === 4 || image.dim() === 5) && image.dim() === grid.dim(),
    () => `grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, ${sizes}`,
  );
  check(
    image.shape.slice(2).every((n) => n > 0),
    () =>
      `grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes ${list(image.shape)}`,
  );
  check(mode !== "bicubic" || image.dim() === 4, () => "grid_sampler(): bicubic interpolation only supports 4D input");
  check(
    image.dtype === grid.dtype,
    () => `expected scalar type ${image.dtype.scalarName} but found ${grid.dtype.scalarName}`,
  );
}

/**
 * The image's values at a grid of coordinates: [N, C, H, W] by [N, h, w, 2] to [N, C, h, w]; -1 and 1 are the borders.
 * @example
 * F.gridSample(torch.ones(1, 3, 4, 4), torch.zeros(1, 2, 2, 2), { alignCorners: false }).shape
 * // torch.Size([1, 3, 2, 2])
 */
export const gridSample: GridSample = fn<GridSample>(
  {
    name: "gridSample",
    params: "input:tensor grid:tensor mode:str='bilinear' paddingMode:str='zeros' alignCorners:bool?=null",
    kind: "custom",
  },
  (v) => {
    const [image, grid, mode, padding] = [
      v.input as Tensor,
      v.grid as Tensor,
      v.mode as string,
      v.paddingMode as string,
    ];
    check(
      mode === "bilinear" || mode === "nearest" || mode === "bicubic",
      () => `nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '${mode}'`,
      ValueError,
    );
    check(
      padding === "zeros" || padding === "border" || padding === "reflection",
      () =>
        "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: " +
        `'${padding}'`,
      ValueError,
    );
    if (v.alignCorners === null) warn("align-corners", changed);
    checkGrid(image, grid, mode);
    const settings: Sampling = { padding, alignCorners: (v.alignCorners as boolean | null) ?? false };
    const node = `GridSampler${image.dim() - 2}DBackward0`;
    return oneNode(node, [image, grid], (x, g) => sample(x!, g!, mode, settings));
  },
);

/** `affineGrid(theta, size, alignCorners)`. */
export type AffineGrid = Op<[size: readonly number[], alignCorners?: boolean | null], "size alignCorners">;

/** The coordinates of one dim's pixels. */
function ruler(like: Tensor, size: number, alignCorners: boolean): Tensor {
  if (size <= 1) return like.newZeros([size]);
  const shrink = alignCorners ? 1 : (size - 1) / size;
  const steps = Array.from({ length: size }, (_, i) => (-1 + (2 * i) / (size - 1)) * shrink);
  return like.newTensor(steps);
}

function checkTheta(theta: Tensor, size: readonly number[]): void {
  check(
    theta.dtype.isFloatingPoint,
    () => `Expected theta to have floating point type, but got ${theta.dtype}`,
    ValueError,
  );
  check(
    size.length === 4 || size.length === 5,
    () =>
      "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size " +
      `${tuple(size)}.`,
    NotImplementedError,
  );
  const dims = size.length - 2;
  check(
    theta.dim() === 3 && theta.shape[1] === dims && theta.shape[2] === dims + 1,
    () =>
      `Expected a batch of ${dims}D affine matrices of shape Nx${dims}x${dims + 1} for size ${tuple(size)}. Got ` +
      `${sizeOf(theta.shape)}.`,
    ValueError,
  );
  check(
    size.every((n) => n > 0),
    () => `Expected non-zero, positive output size. Got ${tuple(size)}`,
    ValueError,
  );
}

/**
 * The grid of an affine map for `gridSample`: [N, 2, 3] to [N, H, W, 2].
 * @example
 * F.affineGrid(torch.tensor([[[1, 0, 0], [0, 1, 0]]]), [1, 1, 1, 2], { alignCorners: false })
 * // tensor([[[[-0.5000, 0.0000], [ 0.5000, 0.0000]]]])
 */
export const affineGrid: AffineGrid = fn<AffineGrid>(
  { name: "affineGrid", params: "theta:tensor size:ints alignCorners:bool?=null", kind: "custom" },
  (v) => {
    const [theta, size] = [v.theta as Tensor, v.size as number[]];
    if (v.alignCorners === null) warn("align-corners", changed);
    checkTheta(theta, size);
    const alignCorners = (v.alignCorners as boolean | null) ?? false;
    const [n = 0, , ...sizes] = size;
    const dims = sizes.length;
    return oneNode("AffineGridGeneratorBackward0", [theta], (t) => {
      const base = t!.detach().newEmpty([n, ...sizes, dims + 1]);
      base.fill_(1);
      sizes.forEach((length, d) => {
        const view = sizes.map((_, e) => (e === d ? length : 1));
        base.select(-1, dims - 1 - d).copy_(ruler(t!.detach(), length, alignCorners).view([1, ...view]));
      });
      const flat = base.view(n, product(sizes), dims + 1);
      return flat.bmm(t!.transpose(1, 2)).reshape([n, ...sizes, dims]);
    });
  },
);
