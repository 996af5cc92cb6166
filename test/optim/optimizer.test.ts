/** Optimizers and schedulers: groups, state, hooks, warnings. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn, optim } = torch;
const param = (...data: number[]): torch.nn.Parameter => new nn.Parameter(torch.tensor(data));

test("a state dict from JSON, with numbers as keys of an object, loads", () => {
  const w = param(1);
  const o = new optim.Adam([w]);
  const groups = o.stateDict().param_groups;
  o.loadStateDict({
    state: { 0: { step: torch.tensor(3), exp_avg: torch.ones(1), exp_avg_sq: torch.ones(1) } },
    param_groups: [{ ...groups[0], weight_decay: 0.5, myOption: 1 }],
  });
  expect(o.state.get(w)!.step).toBeInstanceOf(torch.Tensor);
  expect([o.paramGroups[0]!.weightDecay, o.paramGroups[0]!.myOption]).toEqual([0.5, 1]);
});

test("options that are not the optimizer's keep their spelling in files", () => {
  const o = new optim.SGD([{ params: [param(1)], layerName: "head" }], { lr: 1 });
  const [group] = o.stateDict().param_groups;
  expect([group!.layerName, "weight_decay" in group!]).toEqual(["head", true]);
});

test("every group has lists of its own", () => {
  const o = new optim.Adam([{ params: [param(1)] }, { params: [param(2)] }]);
  (o.paramGroups[0]!.betas as number[])[0] = 0.5;
  expect(o.paramGroups[1]!.betas).toEqual([0.9, 0.999]);
  expect(new optim.Adam([param(1)]).paramGroups[0]!.betas).toEqual([0.9, 0.999]);
});

test("positional arguments come in PyTorch's order", () => {
  const [group] = new optim.SGD([param(1)], 0.5, 0.9, 0, 0.01).paramGroups;
  expect([group!.lr, group!.momentum, group!.weightDecay]).toEqual([0.5, 0.9, 0.01]);
});

test("unknown options are refused by name", () => {
  expect(() => Reflect.construct(optim.SGD, [[param(1)], { learningRate: 1 }])).toThrow(
    "SGD() got an unexpected keyword argument 'learningRate'",
  );
});

test("step hooks run around the update", () => {
  const w = param(1);
  const o = new optim.SGD([w], { lr: 1 });
  const seen: number[] = [];
  o.registerStepPreHook(() => void seen.push(w.item()));
  const post = o.registerStepPostHook(() => void seen.push(w.item()));
  w.sum().backward();
  o.step();
  post.remove();
  o.step();
  expect(seen).toEqual([1, 0, 0]);
});

test("sets of parameters are refused, since their order is no order", () => {
  expect(() => new optim.SGD([{ params: new Set([param(1)]) }], { lr: 1 })).toThrow(
    "optimizer parameters need to be organized in ordered collections",
  );
});

test("state survives in the heap: temporaries of a step are freed, moments are not", () => {
  const w = param(1, 2);
  const o = new optim.Adam([w], { lr: 0.1, amsgrad: true });
  const step = (): void => {
    o.zeroGrad();
    w.mul(w).sum().backward();
    o.step();
  };
  step();
  step();
  expect(Object.keys(o.state.get(w)!)).toEqual(["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
  expect(String(o.state.get(w)!.step)).toBe("tensor(2.)");
});

test("LBFGS needs a closure", () => {
  expect(() => new optim.LBFGS([param(1)]).step()).toThrow("step() missing required argument 'closure' (pos 1)");
});

test("a scheduler that steps before its optimizer warns", () => {
  const o = new optim.SGD([param(1)], { lr: 1 });
  const scheduler = new optim.lrScheduler.StepLR(o, { stepSize: 1 });
  expect(torch.warnings.record(() => scheduler.step()).map((w) => w.code)).toEqual(["scheduler-order"]);
  expect(scheduler.getLastLr()).toEqual([0.1]);
});

test("a scheduler of a user's own computes rates from the epoch", () => {
  class Halving extends optim.lrScheduler.LRScheduler {
    override getLr(): number[] {
      return this.baseLrs.map((lr) => lr / 2 ** this.lastEpoch);
    }
  }
  const o = new optim.SGD([param(1)], { lr: 8 });
  const scheduler = new Halving(o);
  o.step();
  scheduler.step();
  o.step();
  scheduler.step();
  expect(o.paramGroups[0]!.lr).toBe(2);
  expect(scheduler.stateDict()).toMatchObject({ base_lrs: [8], last_epoch: 2, _step_count: 3 });
});

test("SequentialLR changes schedulers at its milestones", () => {
  const o = new optim.SGD([param(1)], { lr: 1 });
  const { ConstantLR, ExponentialLR, SequentialLR } = optim.lrScheduler;
  const parts = [new ConstantLR(o, { factor: 0.5, totalIters: 2 }), new ExponentialLR(o, { gamma: 0.1 })];
  const scheduler = new SequentialLR(o, parts, [2]);
  const rates = Array.from({ length: 4 }, () => {
    const { lr } = o.paramGroups[0]!;
    o.step();
    scheduler.step();
    return lr;
  });
  expect(rates).toEqual([0.5, 0.5, 1, expect.closeTo(0.1, 12)]);
});
