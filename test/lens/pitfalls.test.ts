/** The pitfalls of state dicts, optimizers, modules and shared memory: each warns, and its corrected twin does not. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import * as torch from "../../src/index.ts";

const { nn, optim, copy, lens } = torch;
const folder = mkdtempSync(join(tmpdir(), "cresset-"));
afterAll(() => rmSync(folder, { recursive: true }));

const codes = (fn: () => unknown): string[] => [...new Set(torch.warnings.record(() => void fn()).map((w) => w.code))];
const codesAsync = async (fn: () => Promise<unknown>): Promise<string[]> => [
  ...new Set((await torch.warnings.record(async () => void (await fn()))).map((w) => w.code)),
];

const pipe = <T, R>(x: T, fn: (x: T) => R): R => fn(x);
const mk = (): torch.nn.Linear => new nn.Linear(2, 2);
const input = (): torch.Tensor => torch.ones(1, 2);

function trainOnce(
  model: torch.nn.AnyModule,
  optimizer: torch.optim.Optimizer = new optim.SGD(model.parameters(), { lr: 0.1 }),
): void {
  optimizer.zeroGrad();
  (model(input()) as torch.Tensor).sum().backward();
  optimizer.step();
}

// ---------------------------------------------------------------- state dicts

test("P1 restoring a best state dict that is the model's memory warns", () => {
  const m = mk();
  expect(
    codes(() => {
      const best = m.stateDict();
      trainOnce(m);
      m.loadStateDict(best);
    }),
  ).toEqual(["load-aliased"]);
});

test("P1 restoring a snapshot does not", () => {
  const m = mk();
  expect(
    codes(() => {
      const best = lens.snapshot(m);
      trainOnce(m);
      m.loadStateDict(best);
    }),
  ).toEqual([]);
});

test("P1 saving a state dict that drifted warns, within a checkpoint too", async () => {
  const m = mk();
  const best = m.stateDict();
  trainOnce(m);
  expect(await codesAsync(() => torch.save({ epoch: 3, model: best }, join(folder, "a.pt")))).toEqual([
    "state-dict-drifted",
  ]);
  expect(codes(() => torch.serialize(best))).toEqual(["state-dict-drifted"]);
});

test("P1 saving a state dict that was just taken does not", async () => {
  const m = mk();
  const optimizer = new optim.Adam(m.parameters());
  trainOnce(m, optimizer);
  expect(
    await codesAsync(() =>
      torch.save({ model: m.stateDict(), optimizer: optimizer.stateDict() }, join(folder, "b.pt")),
    ),
  ).toEqual([]);
});

test("P1 loading a drifted state dict into another model warns", () => {
  const m = mk();
  const best = m.stateDict();
  trainOnce(m);
  expect(codes(() => mk().loadStateDict(best))).toEqual(["state-dict-drifted"]);
});

test("P3 copies of the dictionary that share the tensors drift, clones do not", () => {
  const m = mk();
  const live = m.stateDict();
  const half = [copy.copy(live), new Map(live), Object.fromEntries(live)];
  const detached = new Map([...live].map(([k, v]) => [k, v.detach()]));
  const cloned = new Map([...live].map(([k, v]) => [k, v.clone()]));
  trainOnce(m);
  for (const x of [...half, detached]) expect(codes(() => torch.serialize(x))).toEqual(["state-dict-drifted"]);
  expect(codes(() => torch.serialize(cloned))).toEqual([]);
});

test("P4 a list of live state dicts warns when it has three", () => {
  const m = mk();
  const history: unknown[] = [];
  expect(
    codes(() => {
      for (let epoch = 0; epoch < 3; epoch++) {
        trainOnce(m);
        history.push(m.stateDict());
      }
    }),
  ).toEqual(["state-dict-list"]);
  expect(history.length).toBe(3);
});

test("P4 a list of snapshots, and state dicts that nobody keeps, do not", () => {
  const m = mk();
  const optimizer = new optim.SGD(m.parameters(), { lr: 0.1 });
  const history: unknown[] = [];
  expect(
    codes(() => {
      for (let epoch = 0; epoch < 20; epoch++) {
        trainOnce(m, optimizer);
        history.push(lens.snapshot(m));
        torch.serialize(m.stateDict());
      }
    }),
  ).toEqual([]);
});

test("P5 deep-copying a state dict that drifted warns", () => {
  const m = mk();
  const a = m.stateDict();
  torch.noGrad(() => m.bias!.zero_());
  expect(codes(() => copy.deepcopy(a))).toEqual(["state-dict-drifted"]);
  expect(codes(() => copy.deepcopy(m.stateDict()))).toEqual([]);
});

test("P6 loading a model's own state dict warns; one with some entries replaced does not", () => {
  const m = mk();
  expect(codes(() => m.loadStateDict(m.stateDict()))).toEqual(["load-aliased"]);
  const partly = m.stateDict().set("bias", torch.ones(2));
  expect(codes(() => m.loadStateDict(partly))).toEqual([]);
});

test("P7 and P8 setting .data of an entry or of a view warns; of a parameter it does not", () => {
  const m = mk();
  const b = m.stateDict();
  expect(codes(() => (b.get("bias")!.data = torch.ones(2)))).toEqual(["data-set-on-view"]);
  expect(codes(() => (m.weight.at(0).data = torch.ones(2)))).toEqual(["data-set-on-view"]);
  expect(codes(() => (m.bias!.data = torch.ones(2)))).toEqual([]);
});

test("P12 summing a live state dict into another one in place warns", () => {
  const models = [mk(), mk()];
  const local = models.map((m) => m.stateDict());
  expect(
    codes(() => {
      for (const key of local[0]!.keys()) {
        local[0]!.get(key)!.add_(local[1]!.get(key)!);
        local[0]!.get(key)!.div_(2);
      }
    }),
  ).toEqual(["state-dict-averaged"]);
});

test("P12 summing into a snapshot or into a copied model does not", () => {
  const models = [mk(), mk()];
  const target = copy.deepcopy(models[0]!);
  expect(
    codes(() => {
      const sum = lens.snapshot(models[0]!);
      for (const [key, value] of models[1]!.stateDict()) sum.get(key)!.add_(value).div_(2);
      for (const [key, value] of models[1]!.stateDict()) target.stateDict().get(key)!.add_(value);
    }),
  ).toEqual([]);
});

test("P13 clients that reuse one module keep one state dict", () => {
  const m = mk();
  const global = lens.snapshot(m);
  const local: unknown[] = [];
  expect(
    codes(() => {
      for (const value of [1, 2, 3]) {
        m.loadStateDict(global);
        torch.noGrad(() => m.bias!.fill_(value));
        local.push(m.stateDict());
      }
    }),
  ).toEqual(["state-dict-list"]);
  expect(local.length).toBe(3);
});

test("P13 clients that reuse one module and keep snapshots do not", () => {
  const m = mk();
  const global = lens.snapshot(m);
  const local: torch.StateDict[] = [];
  expect(
    codes(() => {
      for (const value of [1, 2, 3]) {
        m.loadStateDict(global);
        torch.noGrad(() => m.bias!.fill_(value));
        local.push(lens.snapshot(m));
      }
      m.loadStateDict(
        new Map([...global.keys()].map((key) => [key, torch.stack(local.map((l) => l.get(key)!)).mean(0)])),
      );
    }),
  ).toEqual([]);
  expect(m.bias!.tolist()).toEqual([2, 2]);
});

test("tied entries loaded into a module that does not tie them warn", () => {
  const tied = new nn.ModuleDict({ a: mk(), b: mk() });
  (tied.get("b") as torch.nn.Linear).weight = (tied.get("a") as torch.nn.Linear).weight;
  const untied = new nn.ModuleDict({ a: mk(), b: mk() });
  const twin = new nn.ModuleDict({ a: mk(), b: mk() });
  (twin.get("b") as torch.nn.Linear).weight = (twin.get("a") as torch.nn.Linear).weight;
  expect(codes(() => untied.loadStateDict(tied.stateDict()))).toEqual(["state-dict-untied"]);
  expect(codes(() => twin.loadStateDict(tied.stateDict()))).toEqual([]);
});

test("P43 saving or deep-copying a small view of a large storage warns, its clone does not", () => {
  const s = torch.zeros(10000).at(":1");
  expect(codes(() => torch.serialize(s))).toEqual(["save-small-view"]);
  expect(codes(() => copy.deepcopy(s))).toEqual(["save-small-view"]);
  expect(codes(() => torch.serialize(s.clone()))).toEqual([]);
});

test("P44 loading with wrong prefixes warns", () => {
  const other = { "module.weight": torch.zeros(2, 2) };
  expect(codes(() => mk().loadStateDict(other, { strict: false }))).toEqual(["load-nothing"]);
  expect(codes(() => mk().loadStateDict({ weight: torch.zeros(2, 2) }, { strict: false }))).toEqual([]);
});

// ---------------------------------------------------------------- optimizers

test("P17 an optimizer of the original while the deep copy trains warns", () => {
  const a = mk();
  const o = new optim.Adam(a.parameters(), { lr: 0.1 });
  const b = copy.deepcopy(a);
  expect(
    codes(() => {
      b(input()).sum().backward();
      o.zeroGrad();
      o.step();
    }),
  ).toEqual(["optimizer-other-model"]);
});

test("P17 it warns with old gradients on the original, too", () => {
  const a = mk();
  const o = new optim.Adam(a.parameters(), { lr: 0.1 });
  trainOnce(a, o);
  for (let i = 0; i < 8; i++) mk()(input());
  const b = mk();
  expect(
    codes(() => {
      b(input()).sum().backward();
      o.step();
    }),
  ).toEqual(["optimizer-other-model"]);
});

test("P17 an optimizer made for the copy does not", () => {
  const b = copy.deepcopy(mk());
  expect(codes(() => trainOnce(b, new optim.SGD(b.parameters(), { lr: 0.1 })))).toEqual([]);
});

test("P18 stepping with a Parameter that was replaced warns, a new optimizer does not", () => {
  const m = mk();
  const o = new optim.SGD(m.parameters(), { lr: 1 });
  m.weight = new nn.Parameter(torch.ones(2, 2));
  expect(codes(() => trainOnce(m, o))).toEqual(["optimizer-replaced-parameter"]);
  expect(codes(() => trainOnce(m, new optim.SGD(m.parameters(), { lr: 1 })))).toEqual([]);
});

test("P18 so does a layer that was replaced", () => {
  class Net extends nn.Module {
    body = mk();
    head = mk();
    forward(x: torch.Tensor): torch.Tensor {
      return this.head(this.body(x));
    }
  }
  const m = new Net();
  const o = new optim.SGD(m.parameters(), { lr: 0.1 });
  trainOnce(m, o);
  m.head = mk();
  expect(codes(() => trainOnce(m, o))).toEqual(["optimizer-replaced-parameter"]);
});

test("P20 deep-copying an optimizer alone warns, with its model it does not", () => {
  const model = mk();
  const optimizer = new optim.SGD(model.parameters(), { lr: 1 });
  expect(codes(() => copy.deepcopy(optimizer))).toEqual(["optimizer-copied"]);
  expect(codes(() => copy.deepcopy({ model, optimizer }))).toEqual([]);
});

test("P21 adding to gradients that were stepped on warns", () => {
  const w = new nn.Parameter(torch.zeros(1));
  const o = new optim.SGD([w], { lr: 1 });
  expect(
    codes(() => {
      for (let i = 0; i < 3; i++) {
        w.sum().backward();
        o.step();
      }
    }),
  ).toEqual(["gradients-not-zeroed"]);
});

test.each([
  ["zeroGrad()", (o: torch.optim.Optimizer) => o.zeroGrad()],
  ["zeroGrad(false)", (o: torch.optim.Optimizer) => o.zeroGrad(false)],
  ["grad.zero_()", (o: torch.optim.Optimizer) => o.paramGroups[0]!.params.forEach((p) => void p.grad?.zero_())],
])("P21 with %s between, and with accumulation, it does not", (_, zero) => {
  const w = new nn.Parameter(torch.zeros(1));
  const o = new optim.SGD([w], { lr: 1 });
  expect(
    codes(() => {
      for (let i = 0; i < 3; i++) {
        for (let part = 0; part < 4; part++) w.sum().backward();
        o.step();
        zero(o);
      }
    }),
  ).toEqual([]);
});

test("a step without any gradient warns, one with a gradient somewhere does not", () => {
  const m = mk();
  const o = new optim.SGD(m.parameters(), { lr: 1 });
  expect(codes(() => o.step())).toEqual(["optimizer-without-gradients"]);
  m.bias!.sum().backward();
  expect(codes(() => o.step())).toEqual([]);
});

test("P42 stepping a copy that was made between backward and step warns; one that ran backward itself does not", () => {
  const m = mk();
  m(input()).sum().backward();
  const copied = copy.deepcopy(m);
  const o = new optim.SGD(copied.parameters(), { lr: 1 });
  expect(codes(() => o.step())).toEqual(["optimizer-without-gradients"]);
  expect(codes(() => trainOnce(copied, o))).toEqual([]);
});

test("two optimizers that step the same parameters in turn warn; one after another does not", () => {
  const m = mk();
  const [a, b] = [new optim.SGD(m.parameters(), { lr: 0.1 }), new optim.Adam(m.parameters())];
  expect(
    codes(() => {
      for (const o of [a, b, a]) trainOnce(m, o);
    }),
  ).toEqual(["optimizers-in-turn"]);
  const n = mk();
  expect(
    codes(() => {
      for (let epoch = 0; epoch < 4; epoch++) {
        const o = new optim.Adam(n.parameters());
        for (let i = 0; i < 3; i++) trainOnce(n, o);
      }
    }),
  ).toEqual([]);
});

test("two optimizers of different Parameters over one storage warn, over two halves of it they do not", () => {
  const flat = torch.zeros(4);
  const over = (x: torch.Tensor) => new optim.SGD([new nn.Parameter(x)], { lr: 0.1 });
  const step = (o: torch.optim.Optimizer): void => {
    o.zeroGrad();
    o.paramGroups[0]!.params[0]!.sum().backward();
    o.step();
  };
  const same = [over(flat), over(flat)] as const;
  expect(codes(() => [...same, same[0]].forEach(step))).toEqual(["optimizers-in-turn"]);
  const other = torch.zeros(4);
  const halves = [over(other.at(":2")), over(other.at("2:"))] as const;
  expect(codes(() => [...halves, halves[0]].forEach(step))).toEqual([]);
});

test("one optimizer with two Parameters over one memory warns", () => {
  const w = torch.zeros(3);
  const make = (a: torch.Tensor, b: torch.Tensor): unknown =>
    new optim.SGD([new nn.Parameter(a), new nn.Parameter(b)], { lr: 1 });
  expect(codes(() => make(w, w))).toEqual(["parameters-overlap"]);
  expect(codes(() => make(w.at(":1"), w.at("1:")))).toEqual([]);
});

// ---------------------------------------------------------------- modules

test("a parameter or buffer made in forward warns, one made in the constructor does not", () => {
  class Made extends nn.Module {
    forward(x: torch.Tensor): torch.Tensor {
      const w = new nn.Parameter(torch.ones(2));
      return x.mul(w);
    }
  }
  class Buffered extends nn.Module {
    forward(x: torch.Tensor): torch.Tensor {
      this.registerBuffer("mask", torch.ones(2));
      return x;
    }
  }
  expect(codes(() => new Made()(input()))).toEqual(["created-in-forward"]);
  expect(codes(() => new Buffered()(input()))).toEqual(["created-in-forward"]);
  expect(codes(() => mk()(input()))).toEqual([]);
});

class Stack extends nn.Module {
  readonly layers: Iterable<torch.nn.AnyModule>;
  constructor(layers: Iterable<torch.nn.AnyModule>) {
    super();
    this.layers = layers;
  }
  forward(x: torch.Tensor): torch.Tensor {
    return [...this.layers].reduce((h, layer) => layer(h), x);
  }
}

test("modules in a plain array warn; in a ModuleList, or frozen on purpose, they do not", () => {
  expect(codes(() => new Stack([mk(), mk()])(input()))).toEqual(["modules-in-array"]);
  expect(codes(() => new Stack(new nn.ModuleList([mk(), mk()]))(input()))).toEqual([]);
  expect(codes(() => new Stack([mk().requiresGrad_(false), new nn.ReLU()])(input()))).toEqual([]);
});

class Nested extends nn.Module {
  readonly layers: unknown;
  constructor(layers: unknown) {
    super();
    this.layers = layers;
  }
  forward(x: torch.Tensor): torch.Tensor {
    return x.mul(1);
  }
}

test.each([
  ["modules in nested arrays", () => [[mk()], [mk()]]],
  ["modules in an object of arrays", () => ({ heads: [mk()] })],
  ["a Parameter in an array", () => [new nn.Parameter(torch.ones(2))]],
])("%s warn, too", (_, make) => {
  expect(codes(() => new Nested(make())(input()))).toEqual(["modules-in-array"]);
});

test("Parameters in a ParameterList, registered ones in an array, and frozen ones do not", () => {
  const weight = new nn.Parameter(torch.ones(2));
  expect(codes(() => new Nested(new nn.ParameterList([weight]))(input()))).toEqual([]);
  expect(codes(() => new Nested([new nn.Parameter(torch.ones(2), false)])(input()))).toEqual([]);
  class Both extends Nested {
    weight = weight;
  }
  expect(codes(() => new Both([weight])(input()))).toEqual([]);
});

test("a module that keeps millions of numbers in nested arrays runs as fast as ever", () => {
  const numbers = Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => new Array(200).fill(0)));
  const m = new Nested(numbers);
  const start = performance.now();
  m(input());
  expect(performance.now() - start).toBeLessThan(200);
});

class Remembering extends nn.Module {
  fc = mk();
  last: torch.Tensor | null = null;
  readonly #detach: boolean;
  constructor(detach: boolean) {
    super();
    this.#detach = detach;
  }
  forward(x: torch.Tensor): torch.Tensor {
    const y = this.fc(x);
    this.last = this.#detach ? y.detach() : y;
    return y;
  }
}

test("P41 a tensor with history kept in a module warns, a detached one does not", () => {
  expect(codes(() => new Remembering(false)(input()))).toEqual(["non-leaf-kept"]);
  expect(codes(() => new Remembering(true)(input()))).toEqual([]);
});

test("weightNorm, which keeps its weight, does not warn", () => {
  expect(codes(() => nn.utils.weightNorm(mk())(input()))).toEqual([]);
});

const withDropout = (): torch.nn.Sequential => new nn.Sequential(mk(), new nn.Dropout(0.5));

test("eval forgotten at inference warns, also without anything after it", () => {
  const m = withDropout();
  trainOnce(m);
  expect(codes(() => torch.noGrad(() => m(input())))).toEqual(["eval-forgotten"]);
});

test("eval forgotten in a loop over batches warns", () => {
  const m = withDropout();
  trainOnce(m);
  const run = (): void => {
    for (let i = 0; i < 3; i++) torch.noGrad(() => m(torch.randn(1, 2)));
  };
  expect(codes(run)).toEqual(["eval-forgotten"]);
});

test("P46 eval forgotten on a model from a file warns, as a state dict has no mode", async () => {
  const path = join(folder, "m.pt");
  await torch.save(withDropout().stateDict(), path);
  const m = withDropout();
  m.loadStateDict((await torch.load(path)) as torch.StateDict);
  expect(codes(() => torch.noGrad(() => m(input())))).toEqual(["eval-forgotten"]);
});

test("eval called, or a model in which it makes no difference, does not", () => {
  const m = withDropout();
  trainOnce(m);
  m.eval();
  expect(codes(() => torch.noGrad(() => m(input())))).toEqual([]);
  const plain = mk();
  trainOnce(plain);
  expect(codes(() => torch.noGrad(() => plain(input())))).toEqual([]);
});

// ---------------------------------------------------------------- shared memory

test("P23 memory that both a typed array and its tensor write to warns, in either order", () => {
  const a = new Float32Array(2);
  const t = torch.fromNumpy(a);
  a[0] = 5;
  expect(codes(() => t.add_(1))).toEqual(["array-written-by-both"]);
  const x = torch.ones(2);
  const { data } = x.numpy();
  x.add_(1);
  data[0] = 7 as never;
  expect(codes(() => x.mul_(2))).toEqual(["array-written-by-both"]);
});

test("P23 one element of a large array is enough", () => {
  const x = torch.zeros(16_000);
  const { data } = x.numpy();
  x.add_(1);
  data[12_345] = 7 as never;
  expect(codes(() => x.mul_(2))).toEqual(["array-written-by-both"]);
});

test("P23 memory that one side only writes to, and copies, do not", () => {
  const a = new Float32Array(2);
  const t = torch.fromNumpy(a);
  const c = torch.tensor(a);
  expect(
    codes(() => {
      for (let i = 0; i < 3; i++) {
        a[0] = i;
        t.mul(2);
        c.add_(1);
      }
    }),
  ).toEqual([]);
  const out = torch.fromNumpy(new Float32Array(2));
  expect(codes(() => out.add_(1).mul_(2))).toEqual([]);
});

test("P38 a write through .data between forward and backward warns", () => {
  const a = torch.ones(2, { requiresGrad: true });
  expect(
    codes(() => {
      const y = a.exp();
      y.data.zero_();
      y.sum().backward();
    }),
  ).toEqual(["data-write-before-backward"]);
});

test("P38 updates through .data after backward do not, also when another graph was never run backward", () => {
  const w = torch.ones(2, { requiresGrad: true });
  const x = torch.ones(2);
  w.mul(x).sum();
  expect(
    codes(() => {
      for (let i = 0; i < 3; i++) {
        w.mul(x).sum().backward();
        w.data.sub_(w.grad!.mul(0.1));
        w.grad = null;
      }
    }),
  ).toEqual([]);
});

// ---------------------------------------------------------------- how warnings behave

test.each([
  ["load-aliased", () => pipe(mk(), (m) => m.loadStateDict(m.stateDict()))],
  ["load-nothing", () => mk().loadStateDict({ other: torch.zeros(1) }, { strict: false })],
  ["optimizer-without-gradients", () => new optim.SGD(mk().parameters()).step()],
  ["save-small-view", () => torch.serialize(torch.zeros(10000).at(":1"))],
])("%s has a sentence on what happens, one on the cure, and a link into the guide", (code, misuse) => {
  const [warning] = torch.warnings.record(misuse);
  expect(warning!.code).toBe(code);
  expect(warning!.message).toMatch(/^[A-Za-z]\S* .*\. .+\. (Seen: .*\. )?See docs\/pitfalls\.md#/);
  expect(warning!.message.endsWith(`#${code}`)).toBe(true);
});

test("the console hears of a misuse once for each line that has it", () => {
  const shown = vi.spyOn(console, "warn").mockReturnValue();
  const m = mk();
  torch.warnings.reset();
  for (let i = 0; i < 3; i++) m.loadStateDict(m.stateDict());
  m.loadStateDict(m.stateDict());
  const places = shown.mock.calls.map(([text]) => /\(at .*pitfalls\.test\.ts:(\d+):\d+\)$/.exec(String(text))?.[1]);
  shown.mockRestore();
  torch.warnings.reset();
  expect(places).toHaveLength(2);
  expect(Number(places[1]) - Number(places[0])).toBe(1);
});

test("record sees what a filter silences, and a filter can make an error before anything is written", () => {
  const m = mk();
  const load = (): unknown => m.loadStateDict(m.stateDict());
  torch.warnings.filter("load-aliased", "ignore");
  expect(codes(load)).toEqual(["load-aliased"]);
  torch.warnings.filter("load-aliased", "error");
  expect(load).toThrow(torch.warnings.UserWarning);
  torch.warnings.reset();
});

test("the lens turned off gives no advice and leaves no wrapper", () => {
  const m = mk();
  const on = torch.Tensor.prototype.add_;
  lens.enable(false);
  expect(codes(() => m.loadStateDict(m.stateDict()))).toEqual([]);
  expect(torch.Tensor.prototype.add_).not.toBe(on);
  lens.enable();
  expect(codes(() => m.loadStateDict(m.stateDict()))).toEqual(["load-aliased"]);
});

test("a save that nobody waits for is looked at when it begins", async () => {
  const m = mk();
  const seen = await codesAsync(async () => {
    const saved = torch.save(m.stateDict(), join(folder, "late.pt"));
    trainOnce(m);
    await saved;
  });
  expect(seen).toEqual([]);
});

test("the guide has a section for every warning and a row for every pitfall", () => {
  const guide = readFileSync("docs/pitfalls.md", "utf8");
  const sections = [...guide.matchAll(/^### (\S+)$/gm)].map((m) => m[1]);
  expect(sections).toEqual([...lens.adviceCodes, "load-nothing"]);
  expect(pitfallRows().map(({ id }) => id)).toEqual(Array.from({ length: 46 }, (_, i) => `P${i + 1}`));
});

interface PitfallRow {
  readonly id: string;
  /** How the guide says that it is found. */
  readonly found: string;
}

function pitfallRows(): PitfallRow[] {
  const guide = readFileSync("docs/pitfalls.md", "utf8");
  return [...guide.matchAll(/^\| (P\d+) \|.*\| (.*) \|$/gm)].map(([, id, found]) => ({ id: id!, found: found! }));
}

/** The ids of pitfalls in the titles of the tests below a folder. */
function tested(folder: string): ReadonlySet<string> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  const titles = files.flatMap((name) => [
    ...readFileSync(join(folder, name), "utf8").matchAll(/^(?:test(?:\.each)?\(|\]\)\()"(P\d+.*?)"/gm),
  ]);
  return new Set(titles.flatMap(([, title]) => title!.match(/\bP\d+\b/g) ?? []));
}

test("every pitfall's warning, error or reason is shown by a test", () => {
  const [warned, shown] = [tested("test/lens"), tested("test/behaviours")];
  const compiled = new Set(readFileSync("test/types/calls.ts", "utf8").match(/\bP\d+\b/g));
  const rows = pitfallRows();
  const withCode = rows.filter(({ found }) => lens.adviceCodes.some((code) => found.includes(`\`${code}\``)));
  expect(withCode.map(({ id }) => id).filter((id) => !warned.has(id))).toEqual([]);
  expect(rows.filter(({ id }) => !warned.has(id) && !shown.has(id) && !compiled.has(id))).toEqual([]);
  const byCompiler = rows.filter(({ found }) => found.includes("TypeScript"));
  expect(byCompiler.map(({ id }) => id).filter((id) => !compiled.has(id))).toEqual([]);
});

test("a state dict that was edited through its own entries loads without warning", () => {
  const p = mk().stateDict();
  p.get("weight")!.setAt([0, 0], 8);
  p.get("weight")!.at(1).fill_(2);
  p.get("bias")!.data.mul_(2);
  expect(codes(() => mk().loadStateDict(p))).toEqual([]);
});

test("P24 a tensor that is written after its array was, between forward and backward, warns", () => {
  const x = torch.ones(2);
  const w = torch.ones(2, { requiresGrad: true });
  const { data } = x.numpy();
  expect(
    codes(() => {
      x.mul_(2);
      const y = w.mul(x).sum();
      data[0] = 100 as never;
      y.backward();
      x.mul_(2);
    }),
  ).toEqual(["array-written-by-both"]);
  const own = torch.ones(2).clone().numpy().data;
  expect(
    codes(() => {
      const y = w.mul(x).sum();
      own[0] = 100 as never;
      y.backward();
      x.mul_(2);
    }),
  ).toEqual([]);
});

test("P25 a parameter that both training and a typed array write to warns", () => {
  const m = mk();
  const { data } = m.bias!.detach().numpy();
  const optimizer = new optim.SGD(m.parameters(), { lr: 0.1 });
  expect(codes(() => trainOnce(m, optimizer))).toEqual([]);
  data[0] = 7 as never;
  expect(codes(() => trainOnce(m, optimizer))).toEqual(["array-written-by-both"]);
});
