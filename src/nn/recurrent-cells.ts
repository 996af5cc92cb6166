/** One step of the recurrent networks, and the cells that make one step. */
import { check, ValueError } from "../core/errors.ts";
import type { Values } from "../core/params.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "../ops/create.ts";
import { type Arguments, type FactoryOptions, factory, factoryOf, read } from "./arguments.ts";
import * as F from "./functional.ts";
import * as init from "./init.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** What a network carries from step to step: `[h]`, or `[h, c]`. */
export type State = Tensor[];

/** The next state from the input's and the state's parts of the gates. */
export type Cell = (fromInput: Tensor, fromState: Tensor, state: State) => State;

/** The kinds of networks. */
export type Mode = "RNN_TANH" | "RNN_RELU" | "LSTM" | "GRU";

const lstm: Cell = (x, h, [, c]) => {
  const [input, forget, candidate, output] = x.add(h).chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
  const next = forget.sigmoid().mul(c!).add(input.sigmoid().mul(candidate.tanh()));
  return [output.sigmoid().mul(next.tanh()), next];
};

const gru: Cell = (x, h, [before]) => {
  const [xReset, xUpdate, xNew] = x.chunk(3, 1) as [Tensor, Tensor, Tensor];
  const [hReset, hUpdate, hNew] = h.chunk(3, 1) as [Tensor, Tensor, Tensor];
  const reset = xReset.add(hReset).sigmoid();
  const update = xUpdate.add(hUpdate).sigmoid();
  const candidate = xNew.add(reset.mul(hNew)).tanh();
  return [before!.sub(candidate).mul(update).add(candidate)];
};

/** One step of every kind. */
export const cells: Readonly<Record<Mode, Cell>> = {
  RNN_TANH: (x, h) => [x.add(h).tanh()],
  RNN_RELU: (x, h) => [F.relu(x.add(h))],
  LSTM: lstm,
  GRU: gru,
};

/** What the cells share. */
abstract class RNNCellBase<H> extends Module<[input: Tensor, hx?: H | null], H> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly bias: boolean;
  declare weight_ih: Parameter;
  declare weight_hh: Parameter;
  declare bias_ih: Parameter | null;
  declare bias_hh: Parameter | null;

  constructor(v: Values, chunks: number) {
    super();
    this.inputSize = v.inputSize as number;
    this.hiddenSize = v.hiddenSize as number;
    this.bias = v.bias as boolean;
    const rows = chunks * this.hiddenSize;
    const make = (...size: number[]): Parameter => new Parameter(empty(size, factoryOf(v)));
    this.registerParameter("weight_ih", make(rows, this.inputSize));
    this.registerParameter("weight_hh", make(rows, this.hiddenSize));
    this.registerParameter("bias_ih", this.bias ? make(rows) : null);
    this.registerParameter("bias_hh", this.bias ? make(rows) : null);
    this.resetParameters();
  }

  get weightIh(): Parameter {
    return this.weight_ih;
  }

  get weightHh(): Parameter {
    return this.weight_hh;
  }

  get biasIh(): Parameter | null {
    return this.bias_ih;
  }

  get biasHh(): Parameter | null {
    return this.bias_hh;
  }

  /** Draws the initial values anew. */
  resetParameters(): void {
    const bound = this.hiddenSize > 0 ? 1 / Math.sqrt(this.hiddenSize) : 0;
    for (const weight of this.parameters()) init.uniform_(weight, -bound, bound);
  }

  /** One step, for [batch, features] or [features]. */
  protected step(cell: Cell, input: Tensor, given: State | null, parts: number): State {
    const rank = input.dim();
    check(
      rank === 1 || rank === 2,
      () => `${this.constructor.name}: Expected input to be 1D or 2D, got ${rank}D instead`,
      ValueError,
    );
    const x = rank === 1 ? input.unsqueeze(0) : input;
    check(
      x.size(1) === this.inputSize,
      () => `input has inconsistent input_size: got ${x.size(1)} expected ${this.inputSize}`,
    );
    const start =
      given?.map((s) => (rank === 1 ? s.unsqueeze(0) : s)) ??
      Array.from({ length: parts }, () => x.newZeros([x.size(0), this.hiddenSize]));
    for (const s of start) {
      check(
        s.size(-1) === this.hiddenSize && s.size(0) === x.size(0),
        () => `hidden has inconsistent hidden_size: got ${s.size(-1)}, expected ${this.hiddenSize}`,
      );
    }
    const fromInput = F.linear(x, this.weight_ih, this.bias_ih);
    const end = cell(fromInput, F.linear(start[0]!, this.weight_hh, this.bias_hh), start);
    return rank === 1 ? end.map((s) => s.squeeze(0)) : end;
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias ? "" : ", bias=False"}`;
  }
}

/** The arguments of `LSTMCell` and `GRUCell`. */
export type CellArguments = Arguments<
  [inputSize: number, hiddenSize: number, bias?: boolean],
  "inputSize hiddenSize bias",
  FactoryOptions
>;

const params = "inputSize:int hiddenSize:int bias:bool=true";

/**
 * One step of `RNN`; gives the new state. Input `[N, inputSize]` or `[inputSize]`, state `[N, hiddenSize]` or
 * `[hiddenSize]`, zeros if left out.
 * @throws RuntimeError where sizes of the input or the state do not fit.
 * @example new nn.RNNCell(3, 5)(torch.zeros(2, 3)).shape // torch.Size([2, 5])
 */
export class RNNCell extends RNNCellBase<Tensor> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(
    ...args: Arguments<
      [inputSize: number, hiddenSize: number, bias?: boolean, nonlinearity?: "tanh" | "relu"],
      "inputSize hiddenSize bias nonlinearity",
      FactoryOptions
    >
  ) {
    const v = read("RNNCell", `${params} nonlinearity:str='tanh' ${factory}`, args);
    super(v, 1);
    this.nonlinearity = v.nonlinearity as "tanh" | "relu";
  }

  forward(input: Tensor, hx: Tensor | null = null): Tensor {
    const { nonlinearity } = this;
    check(nonlinearity === "tanh" || nonlinearity === "relu", () => `Unknown nonlinearity: ${nonlinearity}`);
    const cell = cells[nonlinearity === "tanh" ? "RNN_TANH" : "RNN_RELU"];
    return this.step(cell, input, hx === null ? null : [hx], 1)[0]!;
  }

  override extraRepr(): string {
    return super.extraRepr() + (this.nonlinearity === "tanh" ? "" : `, nonlinearity=${this.nonlinearity}`);
  }
}

/**
 * One step of `LSTM`; gives `[h, c]`. Input `[N, inputSize]` or `[inputSize]`, state `[N, hiddenSize]` or
 * `[hiddenSize]`, zeros if left out.
 * @throws RuntimeError where sizes of the input or the state do not fit.
 * @example
 * const [h, c] = new nn.LSTMCell(3, 5)(torch.zeros(2, 3));
 * h.shape // torch.Size([2, 5])
 */
export class LSTMCell extends RNNCellBase<[Tensor, Tensor]> {
  constructor(...args: CellArguments) {
    super(read("LSTMCell", `${params} ${factory}`, args), 4);
  }

  forward(input: Tensor, hx: [Tensor, Tensor] | null = null): [Tensor, Tensor] {
    const [h, c] = this.step(lstm, input, hx, 2);
    return [h!, c!];
  }
}

/**
 * One step of `GRU`; gives the new state. Input `[N, inputSize]` or `[inputSize]`, state `[N, hiddenSize]` or
 * `[hiddenSize]`, zeros if left out.
 * @throws RuntimeError where sizes of the input or the state do not fit.
 * @example new nn.GRUCell(3, 5)(torch.zeros(2, 3)).shape // torch.Size([2, 5])
 */
export class GRUCell extends RNNCellBase<Tensor> {
  constructor(...args: CellArguments) {
    super(read("GRUCell", `${params} ${factory}`, args), 3);
  }

  forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return this.step(gru, input, hx === null ? null : [hx], 1)[0]!;
  }
}
