/** Recurrent layers: RNN, LSTM, GRU. */
import { check, ValueError } from "../core/errors.ts";
import { list } from "../core/layout.ts";
import type { Values } from "../core/params.ts";
import { reprFloat } from "../core/repr.ts";
import type { Tensor } from "../core/tensor.ts";
import { warn } from "../core/warnings.ts";
import { empty } from "../ops/create.ts";
import { cat, stack } from "../ops/join.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { type Cell, cells, type Mode, type State } from "./recurrent-cells.ts";

const common = `bias:bool=true batchFirst:bool=false dropout:float=0 bidirectional:bool=false projSize:int=0 ${factory}`;

const gates: Readonly<Record<Mode, number>> = { RNN_TANH: 1, RNN_RELU: 1, LSTM: 4, GRU: 3 };

/** The parameters of one layer in one direction. */
interface Weights {
  readonly ih: Parameter;
  readonly hh: Parameter;
  readonly biasIh: Parameter | null;
  readonly biasHh: Parameter | null;
  readonly hr: Parameter | null;
}

const pyBool = (value: boolean): string => (value ? "True" : "False");

/**
 * What the recurrent layers share; `H` is the hidden state as users have it.
 * @example new nn.LSTM(3, 4) instanceof nn.RNNBase // true
 */
export abstract class RNNBase<H> extends Module<[input: Tensor, hx?: H | null], [Tensor, H]> {
  readonly mode: Mode;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;

  constructor(mode: Mode, v: Values) {
    super();
    this.mode = mode;
    this.inputSize = v.inputSize as number;
    this.hiddenSize = v.hiddenSize as number;
    this.numLayers = v.numLayers as number;
    this.bias = v.bias as boolean;
    this.batchFirst = v.batchFirst as boolean;
    this.dropout = v.dropout as number;
    this.bidirectional = v.bidirectional as boolean;
    this.projSize = v.projSize as number;
    checkSizes(this);
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const suffix of this.suffixes(layer)) this.makeWeights(layer, suffix, v);
    }
    this.resetParameters();
  }

  /** The names of a layer's directions. */
  private suffixes(layer: number): string[] {
    return this.bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`];
  }

  private makeWeights(layer: number, suffix: string, v: Values): void {
    const { hiddenSize, projSize } = this;
    const rows = gates[this.mode] * hiddenSize;
    const out = projSize > 0 ? projSize : hiddenSize;
    const inputs = layer === 0 ? this.inputSize : out * (this.bidirectional ? 2 : 1);
    const make = (name: string, size: number[]): void => {
      this.registerParameter(`${name}_${suffix}`, new Parameter(empty(size, factoryOf(v))));
      const camel = `${name}_${suffix}`.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      Object.defineProperty(this, camel, {
        get(this: object) {
          return Reflect.get(this, `${name}_${suffix}`);
        },
        configurable: true,
      });
    };
    make("weight_ih", [rows, inputs]);
    make("weight_hh", [rows, out]);
    if (this.bias) {
      make("bias_ih", [rows]);
      make("bias_hh", [rows]);
    }
    if (projSize > 0) make("weight_hr", [projSize, hiddenSize]);
  }

  private weights(suffix: string): Weights {
    const at = (name: string): Parameter | null => (Reflect.get(this, `${name}_${suffix}`) as Parameter) ?? null;
    return {
      ih: at("weight_ih")!,
      hh: at("weight_hh")!,
      biasIh: this.bias ? at("bias_ih") : null,
      biasHh: this.bias ? at("bias_hh") : null,
      hr: this.projSize > 0 ? at("weight_hr") : null,
    };
  }

  /** The parameters of all layers and directions. */
  get allWeights(): Parameter[][] {
    return Array.from({ length: this.numLayers }, (_, layer) => this.suffixes(layer))
      .flat()
      .map((suffix) => Object.values(this.weights(suffix)).filter((w): w is Parameter => w !== null));
  }

  /** Does nothing: weights need no special memory here. */
  flattenParameters(): void {}

  /** Draws the initial values anew. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) init.uniform_(weight, -bound, bound);
  }

  /** Runs all layers over [time, batch, features]; `start` has the state of every layer and direction. */
  protected run(input: Tensor, start: State): [Tensor, State] {
    const cell = cells[this.mode];
    const ends: State[] = [];
    let x = input;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const outs = this.suffixes(layer).map((suffix, direction) => {
        const from = start.map((s) => s.select(0, ends.length));
        const [out, end] = runDirection(cell, this.weights(suffix), x, from, direction === 1);
        ends.push(end);
        return out;
      });
      x = outs.length === 1 ? outs[0]! : cat(outs, -1);
      if (this.training && this.dropout > 0 && layer < this.numLayers - 1) x = F.dropout(x, this.dropout);
    }
    return [x, start.map((_, part) => stack(ends.map((end) => end[part]!)))];
  }

  /** Brings input and state into [time, batch, features], runs, and brings the results back. */
  protected forwardStates(input: Tensor, given: State | null, sizes: readonly number[]): [Tensor, State] {
    const batched = input.dim() === 3;
    check(
      batched || input.dim() === 2,
      () => `${this.constructor.name}: Expected input to be 2D or 3D, got ${input.dim()}D instead`,
      ValueError,
    );
    for (const state of given ?? []) checkRank(state, batched);
    const batchDim = this.batchFirst ? 0 : 1;
    const x = batched ? input : input.unsqueeze(batchDim);
    check(
      x.size(-1) === this.inputSize,
      () => `input.size(-1) must be equal to input_size. Expected ${this.inputSize}, got ${x.size(-1)}`,
    );
    const rows = this.numLayers * (this.bidirectional ? 2 : 1);
    const wanted = sizes.map((size) => [rows, x.size(batchDim), size]);
    const start = given?.map((s) => (batched ? s : s.unsqueeze(1))) ?? wanted.map((shape) => x.newZeros(shape));
    start.forEach((s, i) => {
      const name = start.length === 1 ? "hidden" : `hidden[${i}]`;
      check(
        s.shape.join() === wanted[i]!.join(),
        () => `Expected ${name} size (${wanted[i]!.join(", ")}), got ${list(s.shape)}`,
      );
    });
    const [out, end] = this.run(this.batchFirst ? x.transpose(0, 1) : x, start);
    const ordered = this.batchFirst ? out.transpose(0, 1) : out;
    if (batched) return [ordered, end];
    return [ordered.squeeze(batchDim), end.map((s) => s.squeeze(1))];
  }

  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.projSize !== 0) parts.push(`proj_size=${this.projSize}`);
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push(`bias=${pyBool(this.bias)}`);
    if (this.batchFirst) parts.push(`batch_first=${pyBool(this.batchFirst)}`);
    if (this.dropout !== 0) parts.push(`dropout=${reprFloat(this.dropout)}`);
    if (this.bidirectional) parts.push(`bidirectional=${pyBool(this.bidirectional)}`);
    return parts.join(", ");
  }
}

function checkRank(state: Tensor, batched: boolean): void {
  const [form, rank] = batched ? ["batched 3-D", 3] : ["unbatched 2-D", 2];
  check(state.dim() === rank, () => `For ${form} input, hx should also be ${rank}-D but got ${state.dim()}-D tensor`);
}

function checkSizes(layer: Pick<RNNBase<unknown>, "dropout" | "numLayers" | "projSize" | "hiddenSize">): void {
  const { dropout, numLayers, projSize, hiddenSize } = layer;
  check(
    dropout >= 0 && dropout <= 1,
    () => "dropout should be a number in range [0, 1] representing the probability of an element being zeroed",
    ValueError,
  );
  if (dropout > 0 && numLayers === 1) {
    warn(
      "rnn-dropout",
      "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater " +
        `than 1, but got dropout=${dropout} and num_layers=${numLayers}`,
    );
  }
  check(hiddenSize > 0, () => "hidden_size must be greater than zero", ValueError);
  check(numLayers > 0, () => "num_layers must be greater than zero", ValueError);
  check(projSize >= 0, () => "proj_size should be a positive integer or zero to disable projections", ValueError);
  check(projSize < hiddenSize, () => "proj_size has to be smaller than hidden_size", ValueError);
}

/** One layer in one direction: the input's part of the gates for all steps at once, then step by step. */
function runDirection(cell: Cell, w: Weights, x: Tensor, start: State, reverse: boolean): [Tensor, State] {
  const inputs = F.linear(x, w.ih, w.biasIh).unbind(0);
  const outs: Tensor[] = new Array(inputs.length);
  let state = start;
  for (let i = 0; i < inputs.length; i++) {
    const at = reverse ? inputs.length - 1 - i : i;
    state = cell(inputs[at]!, F.linear(state[0]!, w.hh, w.biasHh), state);
    if (w.hr !== null) state = [F.linear(state[0]!, w.hr), ...state.slice(1)];
    outs[at] = state[0]!;
  }
  return [stack(outs), state];
}

/** The arguments of `LSTM` and `GRU`. */
export type RecurrentArguments = Arguments<
  [
    inputSize: number,
    hiddenSize: number,
    numLayers?: number,
    bias?: boolean,
    batchFirst?: boolean,
    dropout?: number,
    bidirectional?: boolean,
    projSize?: number,
  ],
  "inputSize hiddenSize numLayers bias batchFirst dropout bidirectional projSize",
  FactoryOptions
>;

/**
 * The simple recurrent network, `h = tanh(W x + U h + b)`, or with `nonlinearity: "relu"`: gives the outputs and the
 * last state. Input `[L, N, inputSize]`, or `[N, L, inputSize]` with `batchFirst`, or without a batch `[L, inputSize]`;
 * output the same with `hiddenSize` (twice that with `bidirectional`). The state is `[numLayers * directions, N,
 * hiddenSize]`, zeros if left out. `dropout` acts between layers in training. Weights are `weight_ih_l0`,
 * `weight_hh_l0`, `bias_ih_l0`, … and drawn uniformly from ±1/√hiddenSize.
 * @throws RuntimeError where sizes of the input or the state do not fit.
 * @example
 * const [out, h] = new nn.RNN(3, 5)(torch.zeros(7, 2, 3));
 * out.shape // torch.Size([7, 2, 5])
 * h.shape // torch.Size([1, 2, 5])
 */
export class RNN extends RNNBase<Tensor> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(
    ...args: Arguments<
      [
        inputSize: number,
        hiddenSize: number,
        numLayers?: number,
        nonlinearity?: "tanh" | "relu",
        bias?: boolean,
        batchFirst?: boolean,
        dropout?: number,
        bidirectional?: boolean,
      ],
      "inputSize hiddenSize numLayers nonlinearity bias batchFirst dropout bidirectional",
      FactoryOptions
    >
  ) {
    const v = read("RNN", `inputSize:int hiddenSize:int numLayers:int=1 nonlinearity:str='tanh' ${common}`, args);
    const kind = v.nonlinearity as "tanh" | "relu";
    check(kind === "tanh" || kind === "relu", () => `Unknown nonlinearity '${kind}'`, ValueError);
    refuseProjection(v);
    super(kind === "tanh" ? "RNN_TANH" : "RNN_RELU", v);
    this.nonlinearity = kind;
  }

  forward(input: Tensor, hx: Tensor | null = null): [Tensor, Tensor] {
    const [out, [end]] = this.forwardStates(input, hx === null ? null : [hx], [this.hiddenSize]);
    return [out, end!];
  }
}

function refuseProjection(v: Values): void {
  check(v.projSize === 0, () => "proj_size argument is only supported for LSTM, not RNN or GRU", ValueError);
}

/**
 * The long short-term memory: gives the outputs and the last state `[h, c]`. Input `[L, N, inputSize]`, or `[N, L,
 * inputSize]` with `batchFirst`, or without a batch `[L, inputSize]`; output the same with `hiddenSize` (twice that
 * with `bidirectional`). The state is `[numLayers * directions, N, hiddenSize]`, zeros if left out. `dropout` acts
 * between layers in training. Weights are `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, … and drawn uniformly from
 * ±1/√hiddenSize.
 * @throws RuntimeError where sizes of the input or the state do not fit. With `projSize`, `h` has that size.
 * @see https://doi.org/10.1162/neco.1997.9.8.1735
 * @example
 * const [out, [h, c]] = new nn.LSTM(3, 5, { numLayers: 2, batchFirst: true })(torch.zeros(2, 7, 3));
 * out.shape // torch.Size([2, 7, 5])
 * h.shape // torch.Size([2, 2, 5])
 * c.shape // torch.Size([2, 2, 5])
 */
export class LSTM extends RNNBase<[Tensor, Tensor]> {
  constructor(...args: RecurrentArguments) {
    super("LSTM", read("LSTM", `inputSize:int hiddenSize:int numLayers:int=1 ${common}`, args));
  }

  forward(input: Tensor, hx: [Tensor, Tensor] | null = null): [Tensor, [Tensor, Tensor]] {
    const size = this.projSize > 0 ? this.projSize : this.hiddenSize;
    const [out, [h, c]] = this.forwardStates(input, hx, [size, this.hiddenSize]);
    return [out, [h!, c!]];
  }
}

/**
 * The gated recurrent unit: gives the outputs and the last state. Input `[L, N, inputSize]`, or `[N, L, inputSize]`
 * with `batchFirst`, or without a batch `[L, inputSize]`; output the same with `hiddenSize` (twice that with
 * `bidirectional`). The state is `[numLayers * directions, N, hiddenSize]`, zeros if left out. `dropout` acts between
 * layers in training. Weights are `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, … and drawn uniformly from
 * ±1/√hiddenSize.
 * @throws RuntimeError where sizes of the input or the state do not fit.
 * @see https://arxiv.org/abs/1406.1078
 * @example
 * const [out, h] = new nn.GRU(3, 5)(torch.zeros(7, 2, 3));
 * out.shape // torch.Size([7, 2, 5])
 * h.shape // torch.Size([1, 2, 5])
 */
export class GRU extends RNNBase<Tensor> {
  constructor(...args: RecurrentArguments) {
    const v = read("GRU", `inputSize:int hiddenSize:int numLayers:int=1 ${common}`, args);
    refuseProjection(v);
    super("GRU", v);
  }

  forward(input: Tensor, hx: Tensor | null = null): [Tensor, Tensor] {
    const [out, [end]] = this.forwardStates(input, hx === null ? null : [hx], [this.hiddenSize]);
    return [out, end!];
  }
}
