/** Bags of embeddings: the sum, mean or maximum of several rows of a table at a time. */
import { int64 } from "../../core/dtype.ts";
import { check, NotImplementedError, RuntimeError, ValueError } from "../../core/errors.ts";
import { equalShapes, sizeOf } from "../../core/layout.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { Op } from "../call.ts";
import { fn, unrecorded } from "../define.ts";
import { checkRows, frequencies, needIndices, paddingRow, refuseSparse, renormRows } from "./embedding.ts";
import { oneNode } from "./one-node.ts";
import { int64Tensor } from "./pad.ts";
import { dense, elements } from "./raw.ts";

/** What becomes of a bag's rows. */
export type BagMode = "sum" | "mean" | "max";

/** `embeddingBag(input, weight, offsets, maxNorm, …)`. */
export type EmbeddingBag = Op<
  [
    weight: Tensor,
    offsets?: Tensor | null,
    maxNorm?: number | null,
    normType?: number,
    scaleGradByFreq?: boolean,
    mode?: BagMode,
    sparse?: boolean,
    perSampleWeights?: Tensor | null,
    includeLastOffset?: boolean,
    paddingIdx?: number | null,
  ],
  "weight offsets maxNorm normType scaleGradByFreq mode sparse perSampleWeights includeLastOffset paddingIdx"
>;

/** Which bag each index belongs to, and how many bags there are. */
interface Bags {
  readonly flat: Tensor;
  readonly of: Tensor;
  readonly count: number;
  readonly weights: Tensor | null;
}

const longs = (t: Tensor): bigint[] => [...(elements(dense(t)) as BigInt64Array)];

function checkOffsets(offsets: readonly bigint[], length: number): void {
  check(
    offsets.length === 0 || offsets[0] === 0n,
    () =>
      "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got " +
      `${offsets[0]}`,
  );
  check(
    offsets.length === 0 || Number(offsets.at(-1)) <= length,
    () => `offsets[-1] can not be greater than input's length ${length} but got offsets[-1] of ${offsets.at(-1)}`,
  );
}

function bagsOf(input: Tensor, offsets: Tensor | null, weights: Tensor | null, includeLast: boolean): Bags {
  const flat = unrecorded(() => input.detach().to(int64).reshape(-1));
  if (input.dim() === 2) {
    check(
      offsets === null,
      () =>
        "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. " +
        "However, found offsets of type <class 'torch.Tensor'>",
      ValueError,
    );
    const [count = 0, length = 0] = input.shape;
    const of = BigInt64Array.from({ length: count * length }, (_, i) => BigInt(Math.floor(i / length)));
    return { flat, of: int64Tensor(flat, of), count, weights: weights?.reshape(-1) ?? null };
  }
  check(
    input.dim() === 1,
    () => `input has to be 1D or 2D Tensor, but got Tensor of dimension ${input.dim()}`,
    ValueError,
  );
  check(offsets !== null, () => "offsets has to be a 1D Tensor but got None", ValueError);
  check(offsets.dim() === 1, () => "offsets has to be a 1D Tensor", ValueError);
  needIndices("embedding_bag", offsets);
  const starts = longs(unrecorded(() => offsets.detach().to(int64)));
  checkOffsets(starts, flat.numel());
  check(!includeLast || starts.length > 0, () => "include_last_offset: number of offset should be at least 1");
  const count = includeLast ? starts.length - 1 : starts.length;
  const of = new BigInt64Array(flat.numel());
  let bag = 0;
  for (let i = 0; i < of.length; i++) {
    while (bag + 1 < count && Number(starts[bag + 1]) <= i) bag++;
    of[i] = BigInt(bag);
  }
  return { flat, of: int64Tensor(flat, of), count, weights };
}

/** Bags without padding: which occurrences are left. */
function withoutPadding(bags: Bags, padding: number, length: number): Bags {
  const of = longs(bags.of);
  const kept = longs(bags.flat).flatMap((row, i) => (Number(row) === padding || i >= length ? [] : [BigInt(i)]));
  if (kept.length === of.length) return bags;
  const index = int64Tensor(bags.flat, BigInt64Array.from(kept));
  return {
    count: bags.count,
    flat: bags.flat.indexSelect(0, index),
    of: bags.of.indexSelect(0, index),
    weights: bags.weights?.indexSelect(0, index) ?? null,
  };
}

/** The largest of each bag's rows by element: 0 for an empty bag; among equals the first gets the gradient. */
function bagMaxima(weight: Tensor, bags: Bags): Tensor {
  const width = weight.shape[1]!;
  const members: bigint[][] = Array.from({ length: bags.count }, () => []);
  longs(bags.of).forEach((bag, i) => {
    members[Number(bag)]!.push(BigInt(i));
  });
  const longest = Math.max(...members.map((m) => m.length), 1);
  if (bags.flat.numel() === 0) return weight.sum().mul(0).expand(bags.count, width);
  // Short bags repeat their first member, which changes no maximum; empty ones are masked afterwards.
  const table = members.flatMap((m) => Array.from({ length: longest }, (_, k) => m[k] ?? m[0] ?? 0n));
  const index = int64Tensor(weight, BigInt64Array.from(table));
  const rows = weight.indexSelect(0, bags.flat.indexSelect(0, index)).view(bags.count, longest, width);
  const best = unrecorded(() => rows.detach().argmax(1, true));
  const maxima = rows.gather(1, best).squeeze(1);
  const empty = int64Tensor(
    weight,
    BigInt64Array.from(members, (m) => (m.length === 0 ? 1n : 0n)),
  );
  return maxima.maskedFill(empty.ne(0).unsqueeze(1), 0);
}

/** The value of a bag operator, by differentiable methods. */
function bagged(weight: Tensor, perSample: Tensor | null, bags: Bags, mode: BagMode, scaled: boolean): Tensor {
  if (mode === "max") return bagMaxima(weight, bags);
  let rows = weight.indexSelect(0, bags.flat);
  if (scaled) rows = scaleGradient(rows, frequencies(bags.flat, weight.shape[0]!).unsqueeze(1));
  if (perSample !== null) rows = rows.mul(perSample.unsqueeze(1));
  const sums = rows.newZeros([bags.count, weight.shape[1]!]).indexAdd(0, bags.of, rows);
  if (mode === "sum") return sums;
  const ones = bags.of.newOnes(bags.of.shape);
  const counts = bags.of.newZeros([bags.count]).indexAdd(0, bags.of, ones).clampMin(1);
  return sums.div(counts.unsqueeze(1));
}

/** The same value, with the gradient divided. */
function scaleGradient(rows: Tensor, by: Tensor): Tensor {
  const shared = rows.div(by);
  return shared.add(unrecorded(() => rows.detach().sub(shared.detach())));
}

function checkModes(mode: string, scaled: boolean, sparse: boolean, perSample: Tensor | null): asserts mode is BagMode {
  check(
    mode === "sum" || mode === "mean" || mode === "max",
    () => "mode has to be one of sum, mean or max",
    ValueError,
  );
  check(mode !== "max" || !scaled, () => "max mode does not support scaling the gradient by the frequency", ValueError);
  check(mode !== "max" || !sparse, () => "max mode does not support sparse weights", ValueError);
  check(
    perSample === null || mode === "sum",
    () =>
      "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got " +
      `mode='${mode}'). Please open a feature request on GitHub.`,
    NotImplementedError,
  );
}

/**
 * The sum, mean or maximum of the rows of `weight` in each bag of indices.
 * Shapes and errors: those of `nn.EmbeddingBag`.
 * @example F.embeddingBag(torch.tensor([[0n, 1n]]), x) // tensor([[1.5000, 2.5000, 3.5000]])
 */
export const embeddingBag: EmbeddingBag = fn<EmbeddingBag>(
  {
    name: "embeddingBag",
    params:
      "input:tensor weight:tensor offsets:tensor?=null maxNorm:float?=null normType:float=2 scaleGradByFreq:bool=false " +
      "mode:str='mean' sparse:bool=false perSampleWeights:tensor?=null includeLastOffset:bool=false paddingIdx:int?=null",
    kind: "custom",
  },
  (v) => {
    const [input, weight, perSample] = [v.input as Tensor, v.weight as Tensor, v.perSampleWeights as Tensor | null];
    const [mode, scaled] = [v.mode as string, v.scaleGradByFreq as boolean];
    check(
      perSample === null || equalShapes(perSample.shape, input.shape),
      () =>
        `embedding_bag: If per_sample_weights (${sizeOf(perSample!.shape)}) is not None, then it must have the same ` +
        `shape as the input (${sizeOf(input.shape)})`,
      ValueError,
    );
    needIndices("embedding_bag", input);
    check(
      weight.dim() === 2,
      () => `weight has to be a 2D Tensor, but got Tensor of dimension ${weight.dim()}`,
      ValueError,
    );
    checkModes(mode, scaled, v.sparse as boolean, perSample);
    const padding = paddingRow(v.paddingIdx as number | null, weight.shape[0]!);
    refuseSparse("embedding_bag", v.sparse as boolean);
    const last = v.includeLastOffset as boolean;
    const all = bagsOf(input, v.offsets as Tensor | null, perSample, last);
    const rows = weight.shape[0]!;
    checkRows(all.flat, rows, (i) => `embedding_bag: index ${i} is out of bounds for ${rows} embeddings`, RuntimeError);
    if (v.maxNorm !== null) renormRows(weight, all.flat, v.maxNorm as number, v.normType as number);
    const offsets = v.offsets as Tensor | null;
    const end = last && offsets !== null ? Number(offsets.select(0, -1).item()) : all.flat.numel();
    const inputs = perSample === null ? [weight] : [weight, perSample];
    return oneNode("EmbeddingBagBackward0", inputs, (w, own) => {
      const flatOwn = own === undefined ? null : own.reshape(-1);
      const bags = withoutPadding({ ...all, weights: flatOwn }, padding, end);
      return bagged(w!, bags.weights, bags, mode, scaled);
    });
  },
);
