/** Training loops as people write them in PyTorch: none of them warns. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn, optim, copy, lens } = torch;

const codes = (fn: () => unknown): string[] => torch.warnings.record(() => void fn()).map((w) => w.code);
function repeat(times: number, fn: () => unknown): void {
  for (let i = 0; i < times; i++) fn();
}

const net = (inputs: number, outputs: number): torch.nn.Sequential =>
  new nn.Sequential(
    new nn.Linear(inputs, 4),
    new nn.BatchNorm1d(4),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(4, outputs),
  );
const adam = (m: torch.nn.AnyModule): torch.optim.Adam => new optim.Adam(m.parameters(), { lr: 1e-3 });
const lossOf = (m: torch.nn.Sequential, x = torch.randn(8, 3)): torch.Tensor => m(x).pow(2).mean();

function train(m: torch.nn.Sequential, o: torch.optim.Optimizer): void {
  o.zeroGrad();
  lossOf(m).backward();
  o.step();
}

test("train, evaluate, keep the best, save", () => {
  const m = net(3, 1);
  const o = adam(m);
  const best = new lens.BestState(m, { mode: "min" });
  const loop = (): void => {
    for (let epoch = 0; epoch < 6; epoch++) {
      m.train();
      for (let i = 0; i < 3; i++) train(m, o);
      m.eval();
      const value = torch.noGrad(() => [1, 2, 3].map(() => lossOf(m).item())).at(-1)!;
      best.update(value);
      torch.serialize({ epoch, model: m.stateDict(), optimizer: o.stateDict() });
    }
    best.restore();
    torch.serialize(best.stateDict());
  };
  expect(codes(loop)).toEqual([]);
});

test.each([
  ["with detach", false],
  ["with noGrad", true],
])("a GAN with two optimizers, fakes %s", (_, unrecorded) => {
  const [g, d] = [net(2, 3), net(3, 1)];
  const [og, od] = [adam(g), adam(d)];
  const fakes = (): torch.Tensor =>
    unrecorded ? torch.noGrad(() => g(torch.randn(8, 2))) : g(torch.randn(8, 2)).detach();
  const loop = (): void => {
    for (let i = 0; i < 6; i++) {
      for (let critic = 0; critic < 5; critic++) {
        od.zeroGrad();
        d(torch.randn(8, 3)).mean().neg().backward();
        d(fakes()).mean().backward();
        od.step();
        torch.noGrad(() => {
          for (const p of d.parameters()) p.clamp_(-1, 1);
        });
      }
      og.zeroGrad();
      d(g(torch.randn(8, 2)))
        .mean()
        .neg()
        .backward();
      og.step();
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("accumulation over several batches", () => {
  const m = net(3, 1);
  const o = new optim.SGD(m.parameters(), { lr: 0.1, momentum: 0.9 });
  const loop = (): void => {
    o.zeroGrad();
    for (let i = 0; i < 12; i++) {
      lossOf(m).div(4).backward();
      if (i % 4 !== 3) continue;
      nn.utils.clipGradNorm_(m.parameters(), 1);
      o.step();
      o.zeroGrad();
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("frozen parts, and an optimizer over all parameters or the others only", () => {
  const m = net(3, 1);
  m.at(0).requiresGrad_(false);
  const some = new optim.SGD(
    [...m.parameters()].filter((p) => p.requiresGrad),
    { lr: 0.1 },
  );
  const n = net(3, 1);
  n.at(0).requiresGrad_(false);
  const all = adam(n);
  const loop = (): void => {
    for (let i = 0; i < 3; i++) {
      train(m, some);
      train(n, all);
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("a head that is replaced before the optimizer is made", () => {
  const m = net(3, 1);
  train(m, adam(m));
  m.setAt(4, new nn.Linear(4, 2));
  const o = adam(m);
  expect(codes(() => repeat(3, () => train(m, o)))).toEqual([]);
});

test("EMA by parameters, by state dicts in place, and by lerp; then evaluation of the average", () => {
  const m = net(3, 1);
  const o = adam(m);
  const ema = copy.deepcopy(m).requiresGrad_(false);
  const other = copy.deepcopy(m).eval();
  const loop = (): void => {
    for (let i = 0; i < 6; i++) {
      train(m, o);
      torch.noGrad(() => {
        const now = m.stateDict();
        for (const [key, value] of ema.stateDict()) {
          if (value.isFloatingPoint()) value.mul_(0.9).add_(now.get(key)!, { alpha: 0.1 });
        }
        const live = [...m.parameters()];
        [...other.parameters()].forEach((p, k) => void p.lerp_(live[k]!, 0.1));
      });
      ema.eval();
      torch.noGrad(() => lossOf(ema));
      torch.noGrad(() => lossOf(other));
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("SWA: an average by sums, and batch statistics recomputed", () => {
  const m = net(3, 1);
  const o = adam(m);
  const swa = copy.deepcopy(m);
  const loop = (): void => {
    for (let i = 1; i < 5; i++) {
      train(m, o);
      torch.noGrad(() => {
        const live = [...m.parameters()];
        [...swa.parameters()].forEach((p, k) => void p.add_(live[k]!.sub(p).div(i + 1)));
      });
    }
    swa.train();
    torch.noGrad(() => repeat(4, () => lossOf(swa)));
    swa.eval();
    torch.noGrad(() => lossOf(swa));
  };
  expect(codes(loop)).toEqual([]);
});

test("Monte Carlo dropout: dropout alone in training mode, the whole model on purpose, or one input many times", () => {
  const m = net(3, 1);
  const o = adam(m);
  train(m, o);
  const many = (): void => torch.noGrad(() => repeat(5, () => m(torch.randn(8, 3))));
  m.eval();
  (m.at(3) as torch.nn.Dropout).train();
  expect(codes(many)).toEqual([]);
  m.train();
  expect(codes(many)).toEqual([]);
  train(m, o);
  const x = torch.randn(8, 3);
  expect(codes(() => torch.noGrad(() => repeat(5, () => m(x))))).toEqual([]);
});

test("Monte Carlo dropout in a loop that awaits", async () => {
  const m = net(3, 1);
  train(m, adam(m));
  const x = torch.randn(8, 3);
  const warned = await torch.warnings.record(async () => {
    for (let i = 0; i < 5; i++) {
      torch.noGrad(() => m(x));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  expect(warned).toEqual([]);
});

test("several models in one step, one optimizer or one each", () => {
  const [encoder, decoder, teacher] = [net(3, 4), net(4, 3), net(3, 4)];
  const both = new optim.Adam([...encoder.parameters(), ...decoder.parameters()]);
  const head = net(4, 2);
  const own = adam(head);
  const loop = (): void => {
    for (let i = 0; i < 4; i++) {
      const x = torch.randn(8, 3);
      const goal = torch.noGrad(() => teacher(x));
      const code = encoder(x);
      const loss = decoder(code).sub(x).pow(2).mean().add(code.sub(goal).pow(2).mean()).add(head(code).mean());
      both.zeroGrad();
      own.zeroGrad();
      loss.backward();
      both.step();
      own.step();
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("federated averaging with one optimizer per client and round", () => {
  const global = net(3, 1);
  const loop = (): void => {
    for (let round = 0; round < 4; round++) {
      const local = [1, 2, 3].map(() => {
        const client = copy.deepcopy(global);
        const o = adam(client);
        for (let i = 0; i < 2; i++) train(client, o);
        return client.stateDict();
      });
      const mean = new Map(
        [...local[0]!].map(([key, value]) => [
          key,
          value.isFloatingPoint() ? torch.stack(local.map((l) => l.get(key)!)).mean(0) : value.clone(),
        ]),
      );
      global.loadStateDict(mean);
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("resuming from bytes, and LBFGS with a closure", () => {
  const m = net(3, 1);
  const o = new optim.LBFGS(m.parameters(), { maxIter: 3 });
  const x = torch.randn(8, 3);
  const loop = (): void => {
    for (let i = 0; i < 3; i++) {
      o.step(() => {
        o.zeroGrad();
        const loss = lossOf(m, x);
        loss.backward();
        return loss;
      });
    }
    const bytes = torch.serialize(m.stateDict());
    const n = net(3, 1);
    n.loadStateDict(torch.deserialize(bytes) as torch.StateDict);
    const p = adam(n);
    for (let i = 0; i < 3; i++) train(n, p);
  };
  expect(codes(loop)).toEqual([]);
});

test("an optimizer step written by hand, through .data and under noGrad", () => {
  const w = torch.ones(3, { requiresGrad: true });
  const loop = (): void => {
    for (let i = 0; i < 4; i++) {
      w.mul(2).sum().backward();
      if (i % 2 === 0) w.data.sub_(w.grad!.mul(0.1));
      else torch.noGrad(() => w.sub_(w.grad!.mul(0.1)));
      w.grad!.zero_();
    }
  };
  expect(codes(loop)).toEqual([]);
});

test("a buffer that the user fills for every batch and the model reads", () => {
  const m = net(3, 1);
  const o = adam(m);
  const batch = new Float32Array(24);
  const x = torch.fromNumpy({ data: batch, shape: [8, 3] });
  const loop = (): void => {
    for (let i = 0; i < 4; i++) {
      batch.fill(i);
      o.zeroGrad();
      lossOf(m, x).backward();
      o.step();
    }
  };
  expect(codes(loop)).toEqual([]);
});
