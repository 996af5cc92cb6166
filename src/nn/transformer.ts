/** Transformer layers and models. */
import { check, RuntimeError } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import { full } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import { MultiheadAttention } from "./attention.ts";
import { cloning } from "./cloning.ts";
import { ModuleList } from "./containers.ts";
import { Dropout } from "./dropout.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Linear } from "./linear.ts";
import { type AnyModule, Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";

/** An activation by name, or any function of a tensor. */
export type Activation = "relu" | "gelu" | ((x: Tensor) => Tensor);

function activationOf(activation: Activation): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return relu;
  if (activation === "gelu") return gelu;
  throw new RuntimeError(`activation should be relu/gelu, not ${activation}`);
}

const relu = (x: Tensor): Tensor => F.relu(x);
const gelu = (x: Tensor): Tensor => F.gelu(x);

/** The arguments of encoder and decoder layers. */
export type LayerArguments = Arguments<
  [
    dModel: number,
    nhead: number,
    dimFeedforward?: number,
    dropout?: number,
    activation?: Activation,
    layerNormEps?: number,
    batchFirst?: boolean,
    normFirst?: boolean,
    bias?: boolean,
  ],
  "dModel nhead dimFeedforward dropout activation layerNormEps batchFirst normFirst bias",
  FactoryOptions
>;

const layerParams =
  "dModel:int nhead:int dimFeedforward:int=2048 dropout:float=0.1 activation:any='relu' layerNormEps:float=1e-5 " +
  `batchFirst:bool=false normFirst:bool=false bias:bool=true ${factory}`;

type Rest<N extends string> = [options?: { [K in N]?: Tensor | null }] | (Tensor | null | undefined)[];

/** What the layers read. */
interface LayerValues extends Values {
  readonly dModel: number;
  readonly nhead: number;
  readonly dimFeedforward: number;
  readonly dropout: number;
  readonly layerNormEps: number;
  readonly batchFirst: boolean;
  readonly bias: boolean;
}

function attention(given: Values): MultiheadAttention {
  const { dModel, nhead, dropout, batchFirst, bias } = given as LayerValues;
  return new MultiheadAttention(dModel, nhead, { dropout, batchFirst, bias, ...factoryOf(given) });
}

function norm(given: Values): LayerNorm {
  const { dModel, layerNormEps, bias } = given as LayerValues;
  return new LayerNorm(dModel, { eps: layerNormEps, bias, ...factoryOf(given) });
}

function linears(given: Values): [Linear, Linear] {
  const { dModel, dimFeedforward, bias } = given as LayerValues;
  const options = { bias, ...factoryOf(given) };
  return [new Linear(dModel, dimFeedforward, options), new Linear(dimFeedforward, dModel, options)];
}

type EncoderMasks = "srcMask" | "srcKeyPaddingMask";

/**
 * Self attention and a feed-forward network, each with dropout, a residual connection and a norm. `dModel` features,
 * `nhead` heads, `dimFeedforward` (2048) inner features, `dropout` (0.1), `activation` `"relu"`, `"gelu"` or a
 * function; `normFirst` puts the norms before the parts. Positions come first (`[L, N, dModel]`) unless `batchFirst`.
 * @see https://arxiv.org/abs/1706.03762
 * @example new nn.TransformerEncoderLayer(8, 2, { batchFirst: true })(torch.rand(3, 5, 8)).shape // torch.Size([3, 5, 8])
 */
export class TransformerEncoderLayer extends Module<[src: Tensor, ...masks: Rest<EncoderMasks>]> {
  declare self_attn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  readonly normFirst: boolean;
  readonly activation: (x: Tensor) => Tensor;

  constructor(...args: LayerArguments) {
    super();
    const v = read("TransformerEncoderLayer", layerParams, args);
    this.normFirst = v.normFirst as boolean;
    this.activation = activationOf(v.activation as Activation);
    this.addModule("self_attn", attention(v));
    const [linear1, linear2] = linears(v);
    this.addModule("linear1", linear1);
    this.addModule("dropout", new Dropout(v.dropout as number));
    this.addModule("linear2", linear2);
    this.addModule("norm1", norm(v));
    this.addModule("norm2", norm(v));
    this.addModule("dropout1", new Dropout(v.dropout as number));
    this.addModule("dropout2", new Dropout(v.dropout as number));
  }

  /** The self attention. */
  get selfAttn(): MultiheadAttention {
    return this.self_attn;
  }

  forward(src: Tensor, ...masks: Rest<EncoderMasks>): Tensor {
    const v = read(
      "TransformerEncoderLayer",
      "srcMask:tensor?=null srcKeyPaddingMask:tensor?=null isCausal:bool=false",
      masks,
    );
    const attend = (x: Tensor): Tensor =>
      this.dropout1(selfAttention(this.self_attn, x, x, v.srcMask, v.srcKeyPaddingMask));
    const feed = (x: Tensor): Tensor => this.dropout2(this.linear2(this.dropout(this.activation(this.linear1(x)))));
    if (this.normFirst) {
      const x = src.add(attend(this.norm1(src)));
      return x.add(feed(this.norm2(x)));
    }
    const x = this.norm1(src.add(attend(src)));
    return this.norm2(x.add(feed(x)));
  }
}

function selfAttention(m: MultiheadAttention, x: Tensor, memory: Tensor, mask: unknown, padding: unknown): Tensor {
  const options = { attnMask: mask as Tensor | null, keyPaddingMask: padding as Tensor | null, needWeights: false };
  return m(x, memory, memory, options)[0];
}

type DecoderMasks = "tgtMask" | "memoryMask" | "tgtKeyPaddingMask" | "memoryKeyPaddingMask";

const decoderParams =
  "tgtMask:tensor?=null memoryMask:tensor?=null tgtKeyPaddingMask:tensor?=null memoryKeyPaddingMask:tensor?=null " +
  "tgtIsCausal:bool=false memoryIsCausal:bool=false";

/**
 * Self attention, attention to the encoder's output, and a feed-forward network, each with dropout, a residual
 * connection and a norm. `dModel` features, `nhead` heads, `dimFeedforward` (2048) inner features, `dropout` (0.1),
 * `activation` `"relu"`, `"gelu"` or a function; `normFirst` puts the norms before the parts. Positions come first
 * (`[L, N, dModel]`) unless `batchFirst`.
 * @see https://arxiv.org/abs/1706.03762
 * @example new nn.TransformerDecoderLayer(8, 2)(torch.rand(4, 3, 8), torch.rand(5, 3, 8)).shape // torch.Size([4, 3, 8])
 */
export class TransformerDecoderLayer extends Module<[tgt: Tensor, memory: Tensor, ...masks: Rest<DecoderMasks>]> {
  declare self_attn: MultiheadAttention;
  declare multihead_attn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare norm3: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  declare dropout3: Dropout;
  readonly normFirst: boolean;
  readonly activation: (x: Tensor) => Tensor;

  constructor(...args: LayerArguments) {
    super();
    const v = read("TransformerDecoderLayer", layerParams, args);
    this.normFirst = v.normFirst as boolean;
    this.activation = activationOf(v.activation as Activation);
    this.addModule("self_attn", attention(v));
    this.addModule("multihead_attn", attention(v));
    const [linear1, linear2] = linears(v);
    this.addModule("linear1", linear1);
    this.addModule("dropout", new Dropout(v.dropout as number));
    this.addModule("linear2", linear2);
    for (const i of [1, 2, 3]) this.addModule(`norm${i}`, norm(v));
    for (const i of [1, 2, 3]) this.addModule(`dropout${i}`, new Dropout(v.dropout as number));
  }

  /** The self attention. */
  get selfAttn(): MultiheadAttention {
    return this.self_attn;
  }

  /** The attention to the encoder's output. */
  get multiheadAttn(): MultiheadAttention {
    return this.multihead_attn;
  }

  forward(tgt: Tensor, memory: Tensor, ...masks: Rest<DecoderMasks>): Tensor {
    const v = read("TransformerDecoderLayer", decoderParams, masks);
    const attend = (x: Tensor): Tensor =>
      this.dropout1(selfAttention(this.self_attn, x, x, v.tgtMask, v.tgtKeyPaddingMask));
    const look = (x: Tensor): Tensor =>
      this.dropout2(selfAttention(this.multihead_attn, x, memory, v.memoryMask, v.memoryKeyPaddingMask));
    const feed = (x: Tensor): Tensor => this.dropout3(this.linear2(this.dropout(this.activation(this.linear1(x)))));
    if (this.normFirst) {
      const x = tgt.add(attend(this.norm1(tgt)));
      const y = x.add(look(this.norm2(x)));
      return y.add(feed(this.norm3(y)));
    }
    const x = this.norm1(tgt.add(attend(tgt)));
    const y = this.norm2(x.add(look(x)));
    return this.norm3(y.add(feed(y)));
  }
}

/** Copies of a layer: each starts from the same values. */
function clones(layer: AnyModule, count: number): ModuleList {
  return new ModuleList(Array.from({ length: count }, () => cloning.clone(layer)));
}

type Norm = Module | null;

/**
 * `numLayers` deep copies of an encoder layer, and a last norm if one is given.
 * @example
 * const encoder = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2), 2);
 * encoder(torch.rand(5, 3, 8)).shape // torch.Size([5, 3, 8])
 */
export class TransformerEncoder extends Module<[src: Tensor, ...masks: Rest<"mask" | "srcKeyPaddingMask">]> {
  declare layers: ModuleList;
  declare norm: Norm;
  readonly numLayers: number;

  constructor(
    encoderLayer: AnyModule,
    ...args: Arguments<
      [numLayers: number, norm?: Norm, enableNestedTensor?: boolean, maskCheck?: boolean],
      "numLayers norm enableNestedTensor maskCheck"
    >
  ) {
    super();
    const v = read(
      "TransformerEncoder",
      "numLayers:int norm:any?=null enableNestedTensor:bool=true maskCheck:bool=true",
      args,
    );
    this.numLayers = v.numLayers as number;
    this.addModule("layers", clones(encoderLayer, this.numLayers));
    this.norm = v.norm as Norm;
  }

  forward(src: Tensor, ...masks: Rest<"mask" | "srcKeyPaddingMask">): Tensor {
    const v = read("TransformerEncoder", "mask:tensor?=null srcKeyPaddingMask:tensor?=null isCausal:bool?=null", masks);
    let x = src;
    for (const layer of this.layers) x = layer(x, { srcMask: v.mask, srcKeyPaddingMask: v.srcKeyPaddingMask });
    return this.norm === null ? x : this.norm(x);
  }
}

/**
 * `numLayers` deep copies of a decoder layer, and a last norm if one is given.
 * @example
 * const decoder = new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2), 2);
 * decoder(torch.rand(4, 3, 8), torch.rand(5, 3, 8)).shape // torch.Size([4, 3, 8])
 */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, ...masks: Rest<DecoderMasks>]> {
  declare layers: ModuleList;
  declare norm: Norm;
  readonly numLayers: number;

  constructor(decoderLayer: AnyModule, ...args: Arguments<[numLayers: number, norm?: Norm], "numLayers norm">) {
    super();
    const v = read("TransformerDecoder", "numLayers:int norm:any?=null", args);
    this.numLayers = v.numLayers as number;
    this.addModule("layers", clones(decoderLayer, this.numLayers));
    this.norm = v.norm as Norm;
  }

  forward(tgt: Tensor, memory: Tensor, ...masks: Rest<DecoderMasks>): Tensor {
    const v = read("TransformerDecoder", decoderParams, masks);
    let x = tgt;
    for (const layer of this.layers) x = layer(x, memory, v);
    return this.norm === null ? x : this.norm(x);
  }
}

type TransformerMasks =
  | "srcMask"
  | "tgtMask"
  | "memoryMask"
  | "srcKeyPaddingMask"
  | "tgtKeyPaddingMask"
  | "memoryKeyPaddingMask";

/**
 * The transformer of "Attention Is All You Need": an encoder and a decoder of 6 layers each, `dModel` 512, `nhead` 8.
 * `src` is `[S, N, dModel]`, `tgt` `[T, N, dModel]`, the result as `tgt`; with `batchFirst` the batch comes first.
 * @throws RuntimeError where batches differ, or features are not `dModel`.
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * const transformer = new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1 });
 * transformer(torch.rand(5, 3, 8), torch.rand(4, 3, 8)).shape // torch.Size([4, 3, 8])
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, ...masks: Rest<TransformerMasks>]> {
  declare encoder: AnyModule;
  declare decoder: AnyModule;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(
    ...args: Arguments<
      [
        dModel?: number,
        nhead?: number,
        numEncoderLayers?: number,
        numDecoderLayers?: number,
        dimFeedforward?: number,
        dropout?: number,
        activation?: Activation,
        customEncoder?: AnyModule | null,
        customDecoder?: AnyModule | null,
        layerNormEps?: number,
        batchFirst?: boolean,
        normFirst?: boolean,
        bias?: boolean,
      ],
      "dModel nhead numEncoderLayers numDecoderLayers dimFeedforward dropout activation customEncoder customDecoder layerNormEps batchFirst normFirst bias",
      FactoryOptions
    >
  ) {
    super();
    const params =
      "dModel:int=512 nhead:int=8 numEncoderLayers:int=6 numDecoderLayers:int=6 dimFeedforward:int=2048 " +
      "dropout:float=0.1 activation:any='relu' customEncoder:any?=null customDecoder:any?=null " +
      `layerNormEps:float=1e-5 batchFirst:bool=false normFirst:bool=false bias:bool=true ${factory}`;
    const v = read("Transformer", params, args);
    const { numEncoderLayers, numDecoderLayers, customEncoder, customDecoder, ...rest } = v;
    const options = rest as unknown as { dModel: number; nhead: number };
    this.addModule("encoder", (customEncoder as AnyModule | null) ?? encoder(v, options, numEncoderLayers as number));
    this.addModule("decoder", (customDecoder as AnyModule | null) ?? decoder(v, options, numDecoderLayers as number));
    for (const param of this.parameters()) if (param.dim() > 1) init.xavierUniform_(param);
    this.dModel = options.dModel;
    this.nhead = options.nhead;
    this.batchFirst = v.batchFirst as boolean;
  }

  /** A mask by which no position sees a later one. */
  static generateSquareSubsequentMask(size: number, options: FactoryOptions = {}): Tensor {
    return full([size, size], Number.NEGATIVE_INFINITY, options).triu(1);
  }

  forward(src: Tensor, tgt: Tensor, ...masks: Rest<TransformerMasks>): Tensor {
    const params =
      "srcMask:tensor?=null tgtMask:tensor?=null memoryMask:tensor?=null srcKeyPaddingMask:tensor?=null " +
      "tgtKeyPaddingMask:tensor?=null memoryKeyPaddingMask:tensor?=null";
    const { srcMask, srcKeyPaddingMask, ...forDecoder } = read("Transformer", params, masks);
    const batchDim = this.batchFirst ? 0 : 1;
    check(
      src.dim() !== 3 || src.size(batchDim) === tgt.size(batchDim),
      () => "the batch number of src and tgt must be equal",
    );
    check(
      src.size(-1) === this.dModel && tgt.size(-1) === this.dModel,
      () => "the feature number of src and tgt must be equal to d_model",
    );
    const memory = this.encoder(src, { mask: srcMask, srcKeyPaddingMask });
    return this.decoder(tgt, memory, forDecoder);
  }
}

function encoder(v: Values, options: { dModel: number; nhead: number }, layers: number): TransformerEncoder {
  return new TransformerEncoder(new TransformerEncoderLayer(options as never), layers, norm(v));
}

function decoder(v: Values, options: { dModel: number; nhead: number }, layers: number): TransformerDecoder {
  return new TransformerDecoder(new TransformerDecoderLayer(options as never), layers, norm(v));
}
