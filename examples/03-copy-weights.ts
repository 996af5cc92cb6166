/** Copying a model's weights into another, and what its optimizer does about it. */
import * as torch from "cresset";

const { nn, optim, copy } = torch;

class MyModel extends nn.Module {
  layer1 = new nn.Linear(10, 4);
  act1 = new nn.Sigmoid();
  forward(x: torch.Tensor): torch.Tensor {
    return this.act1(this.layer1(x));
  }
}

function theModel(): void {
  const modelA = new MyModel();
  console.log(modelA);
  console.log(modelA(torch.randn(8, 10)).shape);
  const modelB = modelA;
  console.log("assigned:", modelB === modelA);
  const modelC = copy.deepcopy(modelA);
  const copied = [...modelC.parameters()];
  for (const [i, p] of [...modelA.parameters()].entries()) {
    const q = copied[i] as torch.Tensor;
    console.log(torch.equal(p, q), p === q, p.dataPtr() === q.dataPtr());
  }
}

function known(weight: number[][], bias: number[]): torch.nn.Linear {
  const layer = new nn.Linear(weight[0]?.length ?? 0, weight.length);
  layer.loadStateDict({ weight: torch.tensor(weight), bias: torch.tensor(bias) });
  return layer;
}

const square = [
  [1, 2],
  [3, 4],
];

/** Forward, loss, backward, step: the parameters change in place. */
function trainingStep(): void {
  const weight = [
    [0.1, 0.2],
    [0.3, 0.4],
  ];
  const layer = known(weight, [0.5, 0.6]);
  const model = new nn.Sequential(layer, new nn.Sigmoid());
  const input = torch.tensor([
    [1, -1],
    [2, 0.5],
  ]);
  // BCELoss wants probabilities as targets: numbers outside [0, 1] are refused.
  const target = torch.tensor([
    [0, 1],
    [1, 0],
  ]);
  const criterion = new nn.BCELoss();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  const result = model(input);
  const loss = criterion(result, target);
  console.log(result);
  console.log(loss);
  optimizer.zeroGrad();
  loss.backward();
  console.log(layer.weight.grad);
  optimizer.step();
  console.log(layer.weight);
}

function stateDicts(): void {
  const a = known(square, [5, 6]);
  const state = a.stateDict();
  const b = new nn.Linear(2, 2);
  console.log(b.loadStateDict(state));
  torch.noGrad(() => a.weight.zero_());
  console.log(b.weight);
  console.log(state.get("weight"));
}

/** An optimizer belongs to the parameters that it was given; a copied model needs a new one. */
function optimizers(): void {
  const a = known(square, [5, 6]);
  const optimizer = new optim.SGD(a.parameters(), { lr: 1 });
  const b = copy.deepcopy(a);
  b(torch.ones(1, 2)).sum().backward();
  optimizer.step();
  console.log(a.bias);
  console.log(b.bias);

  const adam = new optim.Adam(a.parameters(), { lr: 0.01 });
  a(torch.ones(1, 2)).sum().backward();
  adam.step();
  const copied = new optim.Adam(copy.deepcopy(a).parameters(), { lr: 0.5 });
  copied.loadStateDict(adam.stateDict());
  console.log(copied.stateDict().state.get(0)?.step, copied.paramGroups[0]?.lr);
}

theModel();
trainingStep();
stateDicts();
optimizers();
