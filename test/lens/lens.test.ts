/** `drift`, `map`, `explain`, `snapshot` and `BestState`. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { nn, optim, copy, lens } = torch;

afterEach(() => lens.debug(false));

const entries = (changes: Map<string, unknown>): Record<string, unknown> => Object.fromEntries(changes);

function step(m: torch.nn.Linear): void {
  const o = new optim.SGD(m.parameters(), { lr: 1 });
  m(torch.ones(1, 2)).sum().backward();
  o.step();
}

test("drift is empty for a state dict that was just taken", () => {
  expect(lens.drift(new nn.Linear(2, 2).stateDict()).size).toBe(0);
});

test("drift names the entries, the writes and the writers", () => {
  const m = new nn.Linear(2, 2);
  const kept = m.stateDict();
  step(m);
  torch.noGrad(() => m.bias!.mul_(2));
  expect(entries(lens.drift(kept))).toEqual({
    weight: { writes: 1, by: "SGD.step()" },
    bias: { writes: 2, by: "SGD.step(), mul_()" },
  });
});

test("drift sees writes through .data, which leave every version alone", () => {
  const m = new nn.Linear(2, 2);
  const kept = m.stateDict();
  const version = m.weight._version;
  m.weight.data.sub_(1);
  expect(m.weight._version).toBe(version);
  expect(entries(lens.drift(kept))).toEqual({ weight: { writes: 1, by: "sub_()" } });
});

test("drift sees loads, and running statistics that forward writes", () => {
  const m = new nn.BatchNorm1d(2);
  const kept = m.stateDict();
  m(torch.randn(4, 2));
  m(torch.randn(4, 2));
  expect(lens.drift(kept).get("num_batches_tracked")).toEqual({ writes: 2, by: "forward()" });
  const fresh = m.stateDict();
  m.loadStateDict(new nn.BatchNorm1d(2).stateDict());
  expect(lens.drift(fresh).get("weight")).toEqual({ writes: 1, by: "loadStateDict()" });
});

test("drift looks into lists, checkpoints, copies of the dictionary and optimizers' state", () => {
  const m = new nn.Linear(2, 2);
  const o = new optim.Adam(m.parameters());
  const train = (): void => {
    m(torch.ones(1, 2)).sum().backward();
    o.step();
    o.zeroGrad();
  };
  train();
  const list = [m.stateDict(), m.stateDict()];
  const checkpoint = { epoch: 1, model: copy.copy(m.stateDict()), optimizer: o.stateDict() };
  train();
  expect([...lens.drift(list).keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
  const names = [...lens.drift(checkpoint).keys()];
  expect(names).toContain("model.weight");
  expect(names).toContain("optimizer.state.0.exp_avg");
  expect(lens.drift(o.stateDict()).size).toBe(0);
});

test("drift compares a kept model with when it was copied, or first seen", () => {
  const m = new nn.Linear(2, 2);
  const kept = copy.copy(m);
  expect(lens.drift(m).size).toBe(0);
  step(m);
  expect([...lens.drift(kept).keys()]).toEqual(["weight", "bias"]);
  expect([...lens.drift(m).keys()]).toEqual(["weight", "bias"]);
});

test("map lists each storage once with all its names, as plain data", () => {
  const model = new nn.Linear(2, 2);
  const optimizer = new optim.SGD(model.parameters(), { lr: 1, momentum: 0.9 });
  model(torch.ones(1, 2)).sum().backward();
  optimizer.step();
  const array = new Float32Array(4);
  const map = lens.map({
    model,
    kept: model.stateDict(),
    optimizer,
    row: model.weight.at(0),
    array,
    t: torch.fromNumpy(array),
  });
  expect(JSON.parse(JSON.stringify(map))).toEqual(map);
  const names = map.storages.map((s) => s.tensors.map((t) => t.name));
  expect(names).toContainEqual(["model.weight", "kept.weight", "optimizer.params.0", "row"]);
  expect(names).toContainEqual(["optimizer.state.0.momentum_buffer"]);
  expect(names).toContainEqual(["array", "t"]);
  const weight = map.storages.find((s) => s.tensors[0]!.name === "model.weight")!;
  expect(weight.bytes).toBe(16);
  expect(weight.tensors.at(-1)).toMatchObject({
    role: "tensor",
    shape: [2],
    strides: [1],
    start: 0,
    end: 8,
    bytes: 8,
    isView: true,
  });
});

test("map names tied weights twice, and one model under both of its names", () => {
  const tied = new nn.ModuleDict({ a: new nn.Linear(2, 2), b: new nn.Linear(2, 2) });
  (tied.get("b") as torch.nn.Linear).weight = (tied.get("a") as torch.nn.Linear).weight;
  const names = lens.map({ m: tied, n: tied }).storages.map((s) => s.tensors.map((t) => t.name));
  expect(names).toEqual([
    ["m.a.weight", "m.b.weight", "n.a.weight", "n.b.weight"],
    ["m.a.bias", "n.a.bias"],
    ["m.b.bias", "n.b.bias"],
  ]);
});

test("map ends in values that hold themselves or each other many times", () => {
  const x = torch.zeros(2);
  const self: Record<string, unknown> = { x };
  self.self = self;
  expect(lens.map(self).storages[0]!.tensors.map((t) => t.name)).toEqual(["x"]);
  let nested: unknown = [x];
  for (let i = 0; i < 40; i++) nested = [nested, nested];
  expect(() => lens.map({ nested })).toThrow("more than 250000 names");
  expect(torch.serialize(nested).length).toBeGreaterThan(0);
});

test("map shows what a BestState keeps", () => {
  const model = new nn.Linear(2, 2);
  const names = lens.map({ model, best: new lens.BestState(model) }).storages.map((s) => s.tensors.map((t) => t.name));
  expect(names).toEqual([["model.weight"], ["model.bias"], ["best.weight"], ["best.bias"]]);
});

test("drift names what it was given twice by both names", () => {
  const m = new nn.Linear(2, 2);
  const kept = m.stateDict();
  torch.noGrad(() => m.bias!.zero_());
  expect([...lens.drift({ first: kept, again: kept }).keys()]).toEqual(["first.bias", "again.bias"]);
});

test("drift remembers loose tensors when it is first asked about them", () => {
  const m = new nn.Linear(2, 2);
  const kept = [...m.parameters()].map((p) => p.detach());
  const write = (): unknown => torch.noGrad(() => m.bias!.zero_());
  expect(lens.drift(kept).size).toBe(0);
  write();
  expect(entries(lens.drift(kept))).toEqual({ 1: { writes: 1, by: "zero_()" } });
  expect(torch.warnings.record(() => torch.serialize(kept))).toEqual([]);
});

test("explain tells the storage, the version and the writer", () => {
  const x = torch.zeros(2, 3);
  const view = x.T.at(1);
  x.fill_(1);
  const told = lens.explain(view);
  expect(told.chain.map((link) => [link.shape, link.by])).toEqual([
    [[2], "view"],
    [[2, 3], null],
  ]);
  expect(told.storage).toMatchObject({ bytes: 24, writes: 1, host: false });
  expect(told.chain[0]!.version).toBe(1);
});

test("in debug explain names every view on the way, and the line of the last write", () => {
  lens.debug();
  const x = torch.zeros(2, 3);
  const view = x.T.at(1);
  x.fill_(1);
  const told = lens.explain(view);
  expect(told.chain.map((link) => link.by)).toEqual(["at", "T", null]);
  expect(told.lastWrite?.by).toBe("fill_()");
  expect(told.lastWrite?.where).toMatch(/lens\.test\.ts:\d+:\d+$/);
  expect(String(told)).toMatch(/written once, last by fill_\(\) at .*lens\.test\.ts/);
});

test("in debug explain names backward as who wrote a gradient, and the views that come in lists", () => {
  lens.debug();
  const x = torch.zeros(4, 2, { requiresGrad: true });
  for (let i = 0; i < 2; i++) x.sum().backward();
  expect(lens.explain(x.grad!).lastWrite?.by).toBe("backward()");
  const [, second] = x.detach().split(2);
  expect(lens.explain(second!).chain.map((link) => link.by)).toEqual(["split", "detach", null]);
});

test("the line of a write is found in an anonymous constructor, too", () => {
  lens.debug();
  const x = torch.zeros(2);
  const anonymous = [
    class {
      constructor() {
        x.fill_(1);
      }
    },
  ];
  new anonymous[0]!();
  const own = new Error().stack!.match(/lens\.test\.ts:(\d+)/)!;
  expect(lens.explain(x).lastWrite?.where).toMatch(new RegExp(`lens\\.test\\.ts:${Number(own[1]) - 5}:\\d+$`));
});

test("a snapshot shares nothing with the model, and inside what the model shares", () => {
  const m = new nn.ModuleDict({ a: new nn.Linear(2, 2), b: new nn.Linear(2, 2) });
  (m.get("b") as torch.nn.Linear).weight = (m.get("a") as torch.nn.Linear).weight;
  const kept = lens.snapshot(m);
  expect([...m.stateDict()].map(([key, value]) => lens.sharing(value, kept.get(key)!).kind)).toEqual([
    "none",
    "none",
    "none",
    "none",
  ]);
  expect(lens.sharing(kept.get("a.weight")!, kept.get("b.weight")!).kind).toBe("same");
});

test("BestState keeps the state of the best metric", () => {
  const m = new nn.Linear(1, 1);
  const best = new lens.BestState(m);
  const seen = [0.5, 0.9, 0.7, Number.NaN].map((metric, i) => {
    torch.noGrad(() => m.bias!.fill_(i));
    return best.update(metric);
  });
  expect(seen).toEqual([true, true, false, false]);
  expect(best.metric).toBe(0.9);
  expect(best.stateDict().get("bias")!.tolist()).toEqual([1]);
  best.restore();
  expect(m.bias!.tolist()).toEqual([1]);
});

test("BestState with mode min takes the lowest, also of a tensor", () => {
  const m = new nn.Linear(1, 1);
  const best = new lens.BestState(m, { mode: "min" });
  expect([torch.tensor(2), torch.tensor(3), torch.tensor(1)].map((metric) => best.update(metric))).toEqual([
    true,
    false,
    true,
  ]);
});

test("BestState's state dict is a copy that later updates leave alone", () => {
  const m = new nn.Linear(1, 1);
  const best = new lens.BestState(m);
  best.update(1);
  const first = best.stateDict();
  const before = first.get("bias")!.tolist();
  torch.noGrad(() => m.bias!.add_(1));
  best.update(2);
  expect(first.get("bias")!.tolist()).toEqual(before);
});

test("BestState saves, and refuses to before the first update", async () => {
  const m = new nn.Linear(1, 1);
  const best = new lens.BestState(m);
  expect(() => best.restore()).toThrow("restore(): update() has not kept a state yet");
  await expect(best.save("nowhere.pt")).rejects.toThrow("save(): update() has not kept a state yet");
  best.update(1);
  const folder = mkdtempSync(join(tmpdir(), "cresset-"));
  await best.save(join(folder, "best.pt"));
  expect(existsSync(join(folder, "best.pt"))).toBe(true);
  const loaded = (await torch.load(join(folder, "best.pt"))) as torch.StateDict;
  expect(loaded.get("bias")!.tolist()).toEqual(m.bias!.tolist());
  rmSync(folder, { recursive: true });
});

test("what is no model is refused by name", () => {
  expect(() => new lens.BestState({} as never)).toThrow("BestState(): expected a Module");
  expect(() => lens.snapshot({} as never)).toThrow("snapshot(): expected a Module");
});

test("BestState allocates nothing after it was made", () => {
  const m = new nn.Sequential(new nn.Linear(64, 64), new nn.BatchNorm1d(64));
  const best = new lens.BestState(m);
  best.update(0);
  const before = torch.memory.stats().allocated;
  for (let i = 1; i <= 20; i++) best.update(i);
  expect(torch.memory.stats().allocated).toBe(before);
});

test("BestState refuses an unknown mode", () => {
  expect(() => new lens.BestState(new nn.Linear(1, 1), { mode: "best" as never })).toThrow(
    'mode must be "max" or "min"',
  );
});
