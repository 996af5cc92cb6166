/** Embeddings: rows of a table by their numbers. */
import { noGrad } from "../autograd/mode.ts";
import { AssertionError, check } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import { reprFloat } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** What both embeddings share: the table. */
abstract class Table<A extends unknown[]> extends Module<A, Tensor> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  declare weight: Parameter;

  constructor(v: Values) {
    super();
    this.numEmbeddings = v.numEmbeddings as number;
    this.embeddingDim = v.embeddingDim as number;
    this.paddingIdx = paddingIndex(v.paddingIdx as number | null, this.numEmbeddings);
    this.maxNorm = v.maxNorm as number | null;
    this.normType = v.normType as number;
    this.scaleGradByFreq = v.scaleGradByFreq as boolean;
    this.sparse = v.sparse as boolean;
    const given = v._weight as Tensor | null;
    const size = [this.numEmbeddings, this.embeddingDim];
    check(
      given === null || (given.dim() === 2 && given.size(0) === size[0] && given.size(1) === size[1]),
      () => "Shape of weight does not match num_embeddings and embedding_dim",
      AssertionError,
    );
    this.registerParameter("weight", new Parameter(given ?? empty(size, factoryOf(v))));
    if (given === null) this.resetParameters();
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    init.normal_(this.weight);
    if (this.paddingIdx === null) return;
    const row = this.paddingIdx;
    noGrad(() => this.weight.select(0, row).fill_(0));
  }
}

function paddingIndex(index: number | null, rows: number): number | null {
  if (index === null) return null;
  check(index < rows && index >= -rows, () => "Padding_idx must be within num_embeddings", AssertionError);
  return index < 0 ? index + rows : index;
}

const params =
  "numEmbeddings:int embeddingDim:int paddingIdx:int?=null maxNorm:float?=null normType:float=2 " +
  `scaleGradByFreq:bool=false sparse:bool=false _weight:tensor?=null ${factory}`;

/** What an embedding made from a table takes. */
export interface PretrainedOptions {
  freeze?: boolean;
  paddingIdx?: number | null;
  maxNorm?: number | null;
  normType?: number;
  scaleGradByFreq?: boolean;
  sparse?: boolean;
}

/**
 * The rows of a learned table `weight`, `[numEmbeddings, embeddingDim]`, by their numbers: int64 `[...]` becomes `[...,
 * embeddingDim]`. `paddingIdx` names a row that starts at zero and gets no gradient; `maxNorm` shortens rows that are
 * used, in place.
 * @throws IndexError "index out of range in self"; RuntimeError for indices that are not int64 or int32 (numbers make
 *   float32: `{ dtype: "int64" }`).
 * @example new nn.Embedding(1000, 64)(tokens).shape // torch.Size([2, 5, 64])
 */
export class Embedding extends Table<[input: Tensor]> {
  constructor(
    ...args: Arguments<
      [
        numEmbeddings: number,
        embeddingDim: number,
        paddingIdx?: number | null,
        maxNorm?: number | null,
        normType?: number,
        scaleGradByFreq?: boolean,
        sparse?: boolean,
        _weight?: Tensor | null,
      ],
      "numEmbeddings embeddingDim paddingIdx maxNorm normType scaleGradByFreq sparse _weight",
      FactoryOptions
    >
  ) {
    super(read("Embedding", params, args));
  }

  /** An embedding with this table, which does not learn unless `freeze` is false. */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions = {}): Embedding {
    check(embeddings.dim() === 2, () => "Embeddings parameter is expected to be 2-dimensional", AssertionError);
    const { freeze = true, ...rest } = options;
    const made = new Embedding(embeddings.size(0), embeddings.size(1), { ...rest, _weight: embeddings });
    made.weight.requiresGrad = !freeze;
    return made;
  }

  forward(input: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return F.embedding(input, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse);
  }

  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`];
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    if (this.maxNorm !== null) parts.push(`max_norm=${reprFloat(this.maxNorm)}`);
    if (this.normType !== 2) parts.push(`norm_type=${reprFloat(this.normType)}`);
    if (this.scaleGradByFreq) parts.push("scale_grad_by_freq=True");
    if (this.sparse) parts.push("sparse=True");
    return parts.join(", ");
  }
}

const bagParams =
  "numEmbeddings:int embeddingDim:int maxNorm:float?=null normType:float=2 scaleGradByFreq:bool=false " +
  `mode:str='mean' sparse:bool=false _weight:tensor?=null includeLastOffset:bool=false paddingIdx:int?=null ${factory}`;

/**
 * The sums, means (the default) or maxima of bags of rows of a learned table: `[B, n]` of numbers, or `[n]` with the
 * `offsets` `[B]` at which bags begin, become `[B, embeddingDim]`.
 * @throws RuntimeError for numbers out of range; ValueError where `offsets` do not fit the input.
 * @example new nn.EmbeddingBag(1000, 64)(tokens).shape // torch.Size([2, 64])
 */
export class EmbeddingBag extends Table<[input: Tensor, offsets?: Tensor | null, perSampleWeights?: Tensor | null]> {
  readonly mode: "sum" | "mean" | "max";
  readonly includeLastOffset: boolean;

  constructor(
    ...args: Arguments<
      [
        numEmbeddings: number,
        embeddingDim: number,
        maxNorm?: number | null,
        normType?: number,
        scaleGradByFreq?: boolean,
        mode?: "sum" | "mean" | "max",
        sparse?: boolean,
        _weight?: Tensor | null,
        includeLastOffset?: boolean,
        paddingIdx?: number | null,
      ],
      "numEmbeddings embeddingDim maxNorm normType scaleGradByFreq mode sparse _weight includeLastOffset paddingIdx",
      FactoryOptions
    >
  ) {
    const v = read("EmbeddingBag", bagParams, args);
    super(v);
    this.mode = v.mode as "sum" | "mean" | "max";
    this.includeLastOffset = v.includeLastOffset as boolean;
  }

  forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    const { weight, maxNorm, normType, scaleGradByFreq, mode, sparse, includeLastOffset, paddingIdx } = this;
    return F.embeddingBag(input, weight, offsets, maxNorm, normType, scaleGradByFreq, mode, sparse, perSampleWeights, {
      includeLastOffset,
      paddingIdx,
    });
  }

  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`];
    if (this.maxNorm !== null) parts.push(`max_norm=${reprFloat(this.maxNorm)}`);
    if (this.normType !== 2) parts.push(`norm_type=${reprFloat(this.normType)}`);
    if (this.scaleGradByFreq) parts.push("scale_grad_by_freq=True");
    parts.push(`mode='${this.mode}'`);
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    return parts.join(", ");
  }
}
