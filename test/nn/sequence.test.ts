/** Recurrent layers, attention and transformers, beyond PyTorch's recorded samples. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn } = torch;

test("an LSTM over a sequence is its cell step by step", () => {
  const lstm = new nn.LSTM(2, 3);
  const cell = new nn.LSTMCell(2, 3);
  cell.loadStateDict(Object.fromEntries([...lstm.stateDict()].map(([key, value]) => [key.replace("_l0", ""), value])));
  const x = torch.randn(4, 1, 2);
  const [out, [h]] = lstm(x);
  let state: [torch.Tensor, torch.Tensor] | null = null;
  for (const step of x) state = cell(step, state);
  expect(torch.allclose(out.at(-1), state![0])).toBe(true);
  expect(torch.allclose(h.at(0), state![0])).toBe(true);
});

test("a GRU names its parameters as files do, readable in camelCase", () => {
  const gru = new nn.GRU(2, 3, { bidirectional: true });
  expect([...gru.stateDict().keys()].slice(4)).toEqual([
    "weight_ih_l0_reverse",
    "weight_hh_l0_reverse",
    "bias_ih_l0_reverse",
    "bias_hh_l0_reverse",
  ]);
  expect(Reflect.get(gru, "weightIhL0") === gru.getParameter("weight_ih_l0")).toBe(true);
});

test("wrong sizes are refused", () => {
  const gru = new nn.GRU(2, 3);
  expect(() => gru(torch.ones(4, 1, 5))).toThrow("input.size(-1) must be equal to input_size. Expected 2, got 5");
  expect(() => gru(torch.ones(4, 1, 2), torch.ones(1, 2, 3))).toThrow("Expected hidden size (1, 1, 3), got [1, 2, 3]");
});

test("a causal mask hides later positions", () => {
  const attention = new nn.MultiheadAttention(4, 2, { batchFirst: true }).eval();
  const mask = nn.Transformer.generateSquareSubsequentMask(3);
  const x = torch.randn(1, 3, 4);
  const [out, weights] = attention(x, x, x, { attnMask: mask });
  expect(weights!.at(0).triu(1).abs().sum().item()).toBe(0);
  const changed = x.clone();
  changed.setAt([0, 2], 9);
  const [again] = attention(changed, changed, changed, { attnMask: mask });
  expect(torch.allclose(out.at(0, ":2"), again.at(0, ":2"))).toBe(true);
});

test("the layers of an encoder are copies that start equal and learn apart", () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 });
  const encoder = new nn.TransformerEncoder(layer, 2);
  const [a, b] = ["layers.0.linear1.weight", "layers.1.linear1.weight"].map((name) => encoder.getParameter(name));
  expect([torch.equal(a!, b!), a === b, a === layer.linear1.weight]).toEqual([true, false, false]);
});
