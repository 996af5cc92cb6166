/** `MultiheadAttention`. */
import { AssertionError, check } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty, zeros } from "../ops/create.ts";
import { cat } from "../ops/join.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** What a call of `MultiheadAttention` takes after query, key and value; true in a mask means: do not look there. */
export interface AttentionOptions {
  keyPaddingMask?: Tensor | null;
  needWeights?: boolean;
  attnMask?: Tensor | null;
  averageAttnWeights?: boolean;
  isCausal?: boolean;
}

type AttentionRest = Arguments<
  [keyPaddingMask?: Tensor | null, needWeights?: boolean, attnMask?: Tensor | null, averageAttnWeights?: boolean],
  "keyPaddingMask needWeights attnMask averageAttnWeights",
  { isCausal?: boolean }
>;

/** The last layer of attention; prints with its own name, as in PyTorch. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention of `numHeads` heads with learned projections; gives the output and the weights, averaged over heads, or
 * null with `needWeights: false`. `query` is `[L, N, embedDim]`, `key` and `value` `[S, N, …]`, with `batchFirst` `[N,
 * L, …]`, without a batch `[L, …]`; the output is as the query, the weights `[N, L, S]`. Masks: `keyPaddingMask` `[N,
 * S]` true where a key is to be left out, `attnMask` `[L, S]` bool likewise, or float that is added.
 * @throws AssertionError "embed_dim must be divisible by num_heads"; RuntimeError for masks of other shapes.
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * const x = torch.rand(2, 5, 64); // batch, positions, features
 * const [out, weights] = new nn.MultiheadAttention(64, 4, { batchFirst: true })(x, x, x);
 * out.shape // torch.Size([2, 5, 64])
 * weights!.shape // torch.Size([2, 5, 5])
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, ...rest: AttentionRest],
  [Tensor, Tensor | null]
> {
  readonly embedDim: number;
  readonly kdim: number;
  readonly vdim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly headDim: number;
  readonly addZeroAttn: boolean;
  declare in_proj_weight: Parameter | null;
  declare q_proj_weight: Parameter | null;
  declare k_proj_weight: Parameter | null;
  declare v_proj_weight: Parameter | null;
  declare in_proj_bias: Parameter | null;
  declare bias_k: Parameter | null;
  declare bias_v: Parameter | null;
  declare out_proj: Linear;

  constructor(
    ...args: Arguments<
      [
        embedDim: number,
        numHeads: number,
        dropout?: number,
        bias?: boolean,
        addBiasKv?: boolean,
        addZeroAttn?: boolean,
        kdim?: number | null,
        vdim?: number | null,
        batchFirst?: boolean,
      ],
      "embedDim numHeads dropout bias addBiasKv addZeroAttn kdim vdim batchFirst",
      FactoryOptions
    >
  ) {
    super();
    const params =
      "embedDim:int numHeads:int dropout:float=0 bias:bool=true addBiasKv:bool=false addZeroAttn:bool=false " +
      `kdim:int?=null vdim:int?=null batchFirst:bool=false ${factory}`;
    const v = read("MultiheadAttention", params, args);
    this.embedDim = v.embedDim as number;
    this.kdim = (v.kdim as number | null) ?? this.embedDim;
    this.vdim = (v.vdim as number | null) ?? this.embedDim;
    this.numHeads = v.numHeads as number;
    this.dropout = v.dropout as number;
    this.batchFirst = v.batchFirst as boolean;
    this.addZeroAttn = v.addZeroAttn as boolean;
    const { embedDim, numHeads } = this;
    check(
      embedDim > 0 && numHeads > 0,
      () =>
        `embed_dim and num_heads must be greater than 0, got embed_dim=${embedDim} and num_heads=${numHeads} instead`,
    );
    this.headDim = Math.floor(embedDim / numHeads);
    check(this.headDim * numHeads === embedDim, () => "embed_dim must be divisible by num_heads", AssertionError);
    const same = this.kdim === embedDim && this.vdim === embedDim;
    const make = (size: number[], wanted: boolean): Parameter | null =>
      wanted ? new Parameter(empty(size, factoryOf(v))) : null;
    if (same) this.registerParameter("in_proj_weight", make([3 * embedDim, embedDim], true));
    this.registerParameter("q_proj_weight", make([embedDim, embedDim], !same));
    this.registerParameter("k_proj_weight", make([embedDim, this.kdim], !same));
    this.registerParameter("v_proj_weight", make([embedDim, this.vdim], !same));
    if (!same) this.registerParameter("in_proj_weight", null);
    this.registerParameter("in_proj_bias", make([3 * embedDim], v.bias === true));
    this.addModule(
      "out_proj",
      new NonDynamicallyQuantizableLinear(embedDim, embedDim, { ...factoryOf(v), bias: v.bias === true }),
    );
    this.registerParameter("bias_k", make([1, 1, embedDim], v.addBiasKv === true));
    this.registerParameter("bias_v", make([1, 1, embedDim], v.addBiasKv === true));
    this.resetParameters();
  }

  /** The projection of the output. */
  get outProj(): Linear {
    return this.out_proj;
  }

  /** The projections of query, key and value in one, or null. */
  get inProjWeight(): Parameter | null {
    return this.in_proj_weight;
  }

  /** The biases of these projections, or null. */
  get inProjBias(): Parameter | null {
    return this.in_proj_bias;
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) {
      if (weight !== null) init.xavierUniform_(weight);
    }
    if (this.in_proj_bias !== null) {
      init.zeros_(this.in_proj_bias);
      if (this.out_proj.bias !== null) init.zeros_(this.out_proj.bias);
    }
    if (this.bias_k !== null) init.xavierNormal_(this.bias_k);
    if (this.bias_v !== null) init.xavierNormal_(this.bias_v);
  }

  forward(query: Tensor, key: Tensor, value: Tensor, ...rest: AttentionRest): [Tensor, Tensor | null] {
    const params =
      "keyPaddingMask:tensor?=null needWeights:bool=true attnMask:tensor?=null averageAttnWeights:bool=true " +
      "isCausal:bool=false";
    const v = read("MultiheadAttention", params, rest) as unknown as Required<AttentionOptions>;
    check(!v.isCausal || v.attnMask !== null, () => "Need attn_mask if specifying the is_causal hint.");
    checkShapes(query, key, value, v, this.numHeads);
    if (query.dim() === 2) {
      const padding = v.keyPaddingMask?.unsqueeze(0) ?? null;
      const options = { ...v, keyPaddingMask: padding };
      const [out, weights] = attend(this, query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), options);
      return [out.squeeze(1), weights?.squeeze(0) ?? null];
    }
    if (!this.batchFirst) return attend(this, query, key, value, v);
    const [out, weights] = attend(this, query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), v);
    return [out.transpose(0, 1), weights];
  }
}

function checkShapes(q: Tensor, k: Tensor, v: Tensor, o: Required<AttentionOptions>, heads: number): void {
  const rank = q.dim();
  const form = rank === 3 ? "batched (3-D)" : "unbatched (2-D)";
  const refuse = (ok: boolean, message: string): void => check(ok, () => message, AssertionError);
  refuse(
    rank === 2 || rank === 3,
    `query should be unbatched 2D or batched 3D tensor but received ${rank}-D query tensor`,
  );
  refuse(
    k.dim() === rank && v.dim() === rank,
    `For ${form} \`query\`, expected \`key\` and \`value\` to be ${rank}-D but found ${k.dim()}-D and ${v.dim()}-D ` +
      "tensors respectively",
  );
  const { keyPaddingMask, attnMask } = o;
  refuse(
    keyPaddingMask === null || keyPaddingMask.dim() === rank - 1,
    `For ${form} \`query\`, expected \`key_padding_mask\` to be \`None\` or ${rank - 1}-D but found ` +
      `${keyPaddingMask?.dim()}-D tensor instead`,
  );
  if (attnMask === null) return;
  refuse(
    attnMask.dim() === 2 || attnMask.dim() === 3,
    `For ${form} \`query\`, expected \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${attnMask.dim()}-D tensor instead`,
  );
  const [batch, source] = rank === 3 ? [null, null] : [heads, k.shape[0]!];
  if (batch === null || attnMask.dim() === 2) return;
  const wanted = `${batch}, ${q.shape[0]}, ${source}`;
  refuse(
    attnMask.shape.join(", ") === wanted,
    `Expected \`attn_mask\` shape to be (${wanted}) but got ${attnMask.shape}`,
  );
}

/** A mask as what is added to the scores: -infinity where a bool mask is true. */
function additive(mask: Tensor | null, name: string, dtype: Tensor["dtype"]): Tensor | null {
  if (mask === null) return null;
  check(
    mask.dtype.isFloatingPoint || mask.dtype.name === "bool",
    () => `only bool and floating types of ${name} are supported`,
    AssertionError,
  );
  if (mask.dtype.isFloatingPoint) return mask;
  return zeros(mask.shape, { dtype, device: mask.device }).maskedFill_(mask, Number.NEGATIVE_INFINITY);
}

/** The projections of query, key and value. */
function project(m: MultiheadAttention, query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
  const inputs = [query, key, value] as const;
  const weights = m.in_proj_weight?.chunk(3) ?? [m.q_proj_weight!, m.k_proj_weight!, m.v_proj_weight!];
  if (m.in_proj_weight !== null && query === key && key === value) {
    return F.linear(query, m.in_proj_weight, m.in_proj_bias).chunk(3, -1) as [Tensor, Tensor, Tensor];
  }
  const biases = m.in_proj_bias?.chunk(3);
  return inputs.map((x, i) => F.linear(x, weights[i]!, biases?.[i] ?? null)) as [Tensor, Tensor, Tensor];
}

/** Attention over [length, batch, features]. */
function attend(
  m: MultiheadAttention,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  o: Required<AttentionOptions>,
): [Tensor, Tensor | null] {
  const { numHeads, headDim, embedDim } = m;
  const [length = 0, batch = 0, features = 0] = query.shape;
  check(
    features === embedDim,
    () => `was expecting embedding dimension of ${embedDim}, but got ${features}`,
    AssertionError,
  );
  let mask = additive(o.attnMask, "attn_mask", query.dtype);
  let padding = additive(o.keyPaddingMask, "key_padding_mask", query.dtype);
  if (mask !== null) mask = checkedMask(mask, length, key.shape[0]!, batch * numHeads);
  let [q, k, v] = project(m, query, key, value);
  const widen = (x: Tensor | null): Tensor | null => (x === null ? null : F.pad(x, [0, 1]));
  if (m.bias_k !== null && m.bias_v !== null) {
    k = cat([k, m.bias_k.repeat(1, batch, 1)]);
    v = cat([v, m.bias_v.repeat(1, batch, 1)]);
    [mask, padding] = [widen(mask), widen(padding)];
  }
  const heads = (x: Tensor): Tensor =>
    x
      .contiguous()
      .view(x.shape[0]!, batch * numHeads, headDim)
      .transpose(0, 1);
  [q, k, v] = [heads(q), heads(k), heads(v)];
  if (m.addZeroAttn) {
    const none = k.newZeros([batch * numHeads, 1, headDim]);
    [k, v] = [cat([k, none], 1), cat([v, none], 1)];
    [mask, padding] = [widen(mask), widen(padding)];
  }
  const source = k.shape[1]!;
  if (padding !== null) mask = withPadding(mask, padding, batch, numHeads, source);
  const scaled = q.div(Math.sqrt(headDim));
  const scores = mask === null ? scaled.bmm(k.transpose(-2, -1)) : mask.baddbmm(scaled, k.transpose(-2, -1));
  let weights = F.softmax(scores, -1);
  if (m.training && m.dropout > 0) weights = F.dropout(weights, m.dropout);
  const mixed = weights
    .bmm(v)
    .transpose(0, 1)
    .contiguous()
    .view(length * batch, embedDim);
  const out = F.linear(mixed, m.out_proj.weight, m.out_proj.bias).view(length, batch, embedDim);
  if (!o.needWeights) return [out, null];
  const perHead = weights.view(batch, numHeads, length, source);
  return [out, o.averageAttnWeights ? perHead.mean(1) : perHead];
}

function checkedMask(mask: Tensor, length: number, source: number, heads: number): Tensor {
  const wanted = mask.dim() === 2 ? [length, source] : [heads, length, source];
  check(
    mask.shape.join() === wanted.join(),
    () => `The shape of the ${mask.dim()}D attn_mask is ${mask.shape}, but should be (${wanted.join(", ")}).`,
  );
  return mask.dim() === 2 ? mask.unsqueeze(0) : mask;
}

function withPadding(mask: Tensor | null, padding: Tensor, batch: number, heads: number, source: number): Tensor {
  check(
    padding.shape.join() === [batch, source].join(),
    () => `expecting key_padding_mask shape of (${batch}, ${source}), but got ${padding.shape}`,
    AssertionError,
  );
  const spread = padding
    .view(batch, 1, 1, source)
    .expand(-1, heads, -1, -1)
    .reshape(batch * heads, 1, source);
  return mask === null ? spread : mask.add(spread);
}
