/** A state dict is the model's own memory: what a write changes before and after a deep copy. */
import * as torch from "cresset";

const { nn, copy } = torch;

class LogisticRegression extends nn.Module {
  fc: torch.nn.Linear;
  constructor(inputs: number, classes: number) {
    super();
    this.fc = new nn.Linear(inputs, classes);
  }
  forward(x: torch.Tensor): torch.Tensor {
    return this.fc(x);
  }
}

function modelWith(weight: number[][], bias: number[]): LogisticRegression {
  const model = new LogisticRegression(2, 2);
  model.loadStateDict({ "fc.weight": torch.tensor(weight), "fc.bias": torch.tensor(bias) });
  return model;
}

/** Halves every tensor in place, in the storage that it shares with others. */
function halve(tensors: Iterable<torch.Tensor>): void {
  for (const t of tensors) t.data.sub_(t.data.mul(0.5));
}

function show(title: string, model: torch.nn.AnyModule, state: torch.StateDict): void {
  console.log(title);
  console.log(model.stateDict());
  console.log(state);
}

function withDeepCopy(): void {
  const weight = [
    [-0.0472, -0.45],
    [-0.3051, -0.3033],
  ];
  const model = modelWith(weight, [-0.1162, -0.4246]);
  let state = model.stateDict();
  show("model and state dict at first", model, state);

  halve(model.parameters());
  show("model halved: the state dict follows", model, state);

  state = copy.deepcopy(state);
  console.log(model.loadStateDict(state));
  halve(state.values());
  show("deep copy halved: the model stays", model, state);

  // The numbers are equal again, but only because both were halved; the memory is not.
  halve(model.parameters());
  show("model halved: the deep copy stays", model, state);
  console.log("one memory:", state.get("fc.weight")?.dataPtr() === model.fc.weight.dataPtr());
}

function withoutDeepCopy(): void {
  const weight = [
    [0.1331, 0.0882],
    [0.2721, -0.1324],
  ];
  const model = modelWith(weight, [-0.5216, 0.4661]);
  const state = model.stateDict();
  halve(model.parameters());

  // Every tensor is copied onto itself, so that model and state dict still share their memory.
  console.log(model.loadStateDict(state));
  halve(state.values());
  show("state dict halved: the model follows", model, state);

  halve(model.parameters());
  show("model halved: the state dict follows", model, state);
  console.log("one memory:", state.get("fc.weight")?.dataPtr() === model.fc.weight.dataPtr());
}

withDeepCopy();
withoutDeepCopy();
