/** Assignment, shallow copy and deep copy: of lists, of a model, and of its weights. */
import * as torch from "cresset";

const { nn, optim, copy } = torch;

function lists(): void {
  const inner = ["a", "b"];
  const a: unknown[] = [1, 2, 3, 4, inner];
  const b = a;
  const c = copy.copy(a);
  const d = copy.deepcopy(a);
  a.push(5);
  inner.push("c");
  console.log("a =", a);
  console.log("b =", b);
  console.log("c =", c);
  console.log("d =", d);
}

/** A Linear with known numbers. */
function linear(weight: number[][], bias: number[]): torch.nn.Linear {
  const layer = new nn.Linear(weight[0]?.length ?? 0, weight.length);
  layer.loadStateDict({ weight: torch.tensor(weight), bias: torch.tensor(bias) });
  return layer;
}

function models(): void {
  const m1 = linear([[0.0171, 0.4382, -0.4297, 0.4098, -0.3954]], [0.3964]);
  const ck = copy.copy(m1);
  console.log("same module:", ck === m1, "same weight:", ck.weight === m1.weight);
  console.log(m1.weight);

  // The state dict is new, its tensors are new, their memory is the model's.
  const p = m1.stateDict();
  console.log("same state dict:", m1.stateDict() === p);
  p.get("weight")?.setAt([0, 0], 8.8888);
  console.log(m1.stateDict());

  const m2 = new nn.Linear(5, 1);
  console.log(m2.loadStateDict(p));
  try {
    m2.weight.setAt([0, 0], 2);
  } catch (error) {
    console.log(String(error));
  }
  torch.noGrad(() => m2.weight.setAt([0, 0], 2));
  console.log(p);
  console.log(m2.stateDict());
}

/** The best weights so far must be copied when they are best: the state dict itself goes on changing. */
function bestState(): void {
  const w = [
    [1, 2],
    [3, 4],
  ];
  const model = linear(w, [5, 6]);
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
  const best = model.stateDict();
  const safe = copy.deepcopy(model.stateDict());
  model(torch.ones(1, 2)).sum().backward();
  optimizer.step();
  console.log("kept:", best.get("bias"), "copied:", safe.get("bias"));
}

/** Federated averaging that reads the clients' weights and writes new ones needs no copies. */
function federated(): void {
  const first = [
    [1, 2],
    [3, 4],
  ];
  const second = [
    [3, 4],
    [5, 6],
  ];
  const clients = [linear(first, [5, 6]), linear(second, [7, 8])];
  const average = new Map<string, torch.Tensor>();
  for (const client of clients) {
    for (const [key, value] of client.stateDict()) {
      const share = value.div(clients.length);
      average.set(key, average.get(key)?.add(share) ?? share);
    }
  }
  const global = new nn.Linear(2, 2);
  console.log(global.loadStateDict(average));
  console.log(global.weight);
  console.log(clients[0]?.weight);
}

lists();
models();
bestState();
federated();
