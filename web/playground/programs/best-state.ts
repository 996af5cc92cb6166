// The best state, kept the naive way and the right way.
// Run it, then move back through the statements above the
// map: `naive` turns striped while the model trains, for it
// is the model's own memory. `best` stays.
import * as torch from "cresset";
import { plot } from "playground";

const { nn, optim, lens } = torch;

torch.manualSeed(0);
const model = new nn.Linear(2, 1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.15 });
const x = torch.randn(16, 2);
const y = x.matmul(torch.tensor([[2], [-1]]));

const naive = model.stateDict();
const best = new lens.BestState(model, { mode: "min" });

for (let epoch = 0; epoch < 12; epoch++) {
  const loss = model(x).sub(y).pow(2).mean();
  best.update(loss);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  plot("loss", loss);
}

console.log(lens.drift(naive));
console.log("naive is the model's memory:", lens.sharing(naive.get("weight")!, model.weight));
console.log("best is its own:", lens.sharing(best.stateDict().get("weight")!, model.weight));

// The lens says so at the point of misuse.
model.loadStateDict(naive);
best.restore();
