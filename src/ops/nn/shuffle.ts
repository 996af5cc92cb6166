/** Channels to space and back, and channels among groups. */
import { check } from "../../core/errors.ts";
import { list } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { differentiable, fn, unrecorded } from "../define.ts";
import { alias } from "./raw.ts";

/** A rearrangement as one node, whose gradient is the inverse one. */
function rearrange(x: Tensor, node: string, apply: (x: Tensor) => Tensor, invert: (g: Tensor) => Tensor): Tensor {
  const value = unrecorded(() => apply(x.detach()).clone());
  return differentiable(node, alias(value, value.impl.layout), [x], [], ([g]) => [invert(g!)]);
}

function spread(x: Tensor, r: number): Tensor {
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  const order = [...lead.map((_, d) => d), n, n + 3, n + 1, n + 4, n + 2];
  return x
    .reshape([...lead, c / (r * r), r, r, h, w])
    .permute(order)
    .reshape([...lead, c / (r * r), h * r, w * r]);
}

function gatherUp(x: Tensor, r: number): Tensor {
  const [c, h, w] = x.shape.slice(-3) as [number, number, number];
  const lead = x.shape.slice(0, -3);
  const n = lead.length;
  const order = [...lead.map((_, d) => d), n, n + 2, n + 4, n + 1, n + 3];
  return x
    .reshape([...lead, c, h / r, r, w / r, r])
    .permute(order)
    .reshape([...lead, c * r * r, h / r, w / r]);
}

function needRank(op: string, x: Tensor): void {
  check(
    x.dim() >= 3,
    () => `${op} expects input to have at least 3 dimensions, but got input with ${x.dim()} dimension(s)`,
  );
}

/**
 * Channels in groups of r² become r × r pixels: [*, C·r², H, W] to [*, C, H·r, W·r].
 * Shapes and errors: those of `nn.PixelShuffle`.
 * @example torch.pixelShuffle(torch.ones(1, 8, 3, 3), 2).shape // torch.Size([1, 2, 6, 6])
 */
export const pixelShuffle: Op<[upscaleFactor: number], "upscaleFactor"> = fn(
  { name: "pixelShuffle", params: "input:tensor upscaleFactor:int", kind: "custom" },
  (v) => {
    const [x, r] = [v.input as Tensor, v.upscaleFactor as number];
    needRank("pixel_shuffle", x);
    check(r > 0, () => `pixel_shuffle expects a positive upscale_factor, but got ${r}`);
    const c = x.shape.at(-3)!;
    check(
      c % (r * r) === 0,
      () =>
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but " +
        `input.size(-3)=${c} is not divisible by ${r * r}`,
    );
    return shuffled(x, r);
  },
);

function shuffled(x: Tensor, r: number): Tensor {
  return rearrange(
    x,
    "PixelShuffleBackward0",
    (t) => spread(t, r),
    (g) => unshuffled(g, r),
  );
}

function unshuffled(x: Tensor, r: number): Tensor {
  return rearrange(
    x,
    "PixelUnshuffleBackward0",
    (t) => gatherUp(t, r),
    (g) => shuffled(g, r),
  );
}

/**
 * The inverse of `pixelShuffle`: [*, C, H·r, W·r] to [*, C·r², H, W].
 * Shapes and errors: those of `nn.PixelUnshuffle`.
 * @example torch.pixelUnshuffle(torch.ones(1, 2, 6, 6), 2).shape // torch.Size([1, 8, 3, 3])
 */
export const pixelUnshuffle: Op<[downscaleFactor: number], "downscaleFactor"> = fn(
  { name: "pixelUnshuffle", params: "input:tensor downscaleFactor:int", kind: "custom" },
  (v) => {
    const [x, r] = [v.input as Tensor, v.downscaleFactor as number];
    needRank("pixel_unshuffle", x);
    check(r > 0, () => `pixel_unshuffle expects a positive downscale_factor, but got ${r}`);
    for (const [name, dim] of [
      ["height", -2],
      ["width", -1],
    ] as const) {
      check(
        x.shape.at(dim)! % r === 0,
        () =>
          `pixel_unshuffle expects ${name} to be divisible by downscale_factor, but input.size(${dim})=` +
          `${x.shape.at(dim)} is not divisible by ${r}`,
      );
    }
    return unshuffled(x, r);
  },
);

const channelParams = "input:tensor groups:int";

function channelShuffled(x: Tensor, groups: number): Tensor {
  check(x.dim() > 2, () => `channel_shuffle expects input with > 2 dims, but got input with sizes ${list(x.shape)}`);
  check(groups > 0, () => `Number of groups to divide channels in must be positive. Value of groups:${groups}`);
  const [n = 0, c = 0] = x.shape;
  check(
    c % groups === 0,
    () => `Number of channels must be divisible by groups. Got ${c} channels and ${groups} groups.`,
  );
  const rest = x.shape.slice(2);
  return x
    .reshape([n, groups, c / groups, ...rest])
    .transpose(1, 2)
    .reshape(x.shape);
}

/**
 * Deals the channels (dim 1) out among groups, so that the next grouped convolution sees all of them.
 * Shapes and errors: those of `nn.ChannelShuffle`.
 * @example torch.channelShuffle(torch.arange(4).view(1, 4, 1), 2).flatten() // tensor([0, 2, 1, 3])
 */
export const channelShuffle: Op<[groups: number], "groups"> = fn(
  { name: "channelShuffle", params: channelParams },
  (v) => channelShuffled(v.input as Tensor, v.groups as number),
);

/**
 * `channelShuffle` by its other name.
 * @example torch.nativeChannelShuffle(torch.arange(4).view(1, 4, 1), 2).flatten() // tensor([0, 2, 1, 3])
 */
export const nativeChannelShuffle: Op<[groups: number], "groups"> = fn(
  { name: "nativeChannelShuffle", params: channelParams },
  (v) => channelShuffled(v.input as Tensor, v.groups as number),
);
