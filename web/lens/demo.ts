/** The demo: a model, the best state kept the naive way and the right way, and an optimizer, after some training. */
import * as torch from "cresset";
import type { Shown } from "../view/rows.ts";

const { nn, optim, lens } = torch;

/** A tiny language model; as in large ones, the last layer has the weight of the first. */
class Net extends nn.Module {
  readonly embed = new nn.Embedding(32, 8);
  readonly hidden = new nn.Linear(8, 8);
  readonly norm = new nn.LayerNorm(8);
  readonly head = new nn.Linear(8, 32, { bias: false });

  constructor() {
    super();
    this.head.weight = this.embed.weight;
  }

  forward(x: torch.Tensor): torch.Tensor {
    return this.head(this.norm(this.hidden(this.embed(x)).relu()));
  }
}

/** What the demo shows, with the values of its tensors. */
export interface Demo extends Shown {
  readonly tensors: ReadonlyMap<string, torch.lens.Viewed>;
}

/** Runs it. */
export function demo(): Demo {
  torch.manualSeed(0);
  const model = new Net();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  const naive = model.stateDict();
  const best = new lens.BestState(model, { mode: "min" });
  const batch = torch.randint(0, 32, [16, 12]);
  for (let step = 0; step < 3; step++) {
    optimizer.zeroGrad();
    const guess = model(batch.at(":", ":-1")).flatten(0, 1);
    const loss = nn.functional.crossEntropy(guess, batch.at(":", "1:").flatten());
    if (step === 0) best.update(loss);
    loss.backward();
    optimizer.step();
  }
  const values = {
    model,
    naive,
    best,
    optimizer,
    batch,
    "first rows": batch.at(":8"),
    "every second column": batch.at(":", "::2"),
    transposed: batch.T,
  };
  const changes = Object.fromEntries(lens.drift({ naive, best }));
  return { map: lens.map(values), changes, tensors: lens.named(values) };
}
