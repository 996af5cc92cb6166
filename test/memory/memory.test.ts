/** Memory: flat loops without dispose, exact release for those who want it, and an error that says what is full. */
import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { memory, nn, optim } = torch;

function trainer(): () => number {
  torch.manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(10, 4), new nn.Sigmoid());
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const criterion = new nn.BCELoss();
  const x = torch.randn(8, 10);
  const y = torch.rand(8, 4);
  return () => {
    const loss = criterion(model(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  };
}

test("a synchronous training loop without dispose, scope or await keeps the heap flat", () => {
  const step = trainer();
  for (let i = 0; i < 500; i++) step();
  memory.collect();
  const before = memory.stats().allocated;
  for (let i = 0; i < 3000; i++) step();
  memory.collect();
  expect(memory.stats().allocated).toBeLessThanOrEqual(before + 2 ** 16);
});

test("a loop over large throw-away tensors stays far below what it allocates", () => {
  memory.collect();
  const start = memory.stats().reserved;
  const x = torch.ones(2 ** 20);
  for (let i = 0; i < 1500; i++) x.add(1);
  // 1500 results of 4 MiB each make 6 GB.
  expect(memory.stats().reserved - start).toBeLessThan(2 ** 30);
});

test("gradients that nobody sees are freed while backward proceeds", () => {
  const x = torch.ones(2 ** 20, { requiresGrad: true });
  let y: torch.Tensor = x;
  for (let i = 0; i < 20; i++) y = y.mul(1.5);
  memory.collect();
  const before = memory.stats().allocated;
  y.sum().backward();
  // The leaf's gradient stays; twenty inner ones of 4 MiB each do not.
  expect(memory.stats().allocated - before).toBeLessThan(3 * 2 ** 22);
});

describe("torch.scope", () => {
  test("frees what it made, and keeps what it returns", () => {
    memory.collect();
    const before = memory.stats().allocated;
    const kept = torch.scope(() =>
      torch
        .ones(2 ** 18)
        .add(1)
        .mul(2),
    );
    expect(memory.stats().allocated - before).toBe(2 ** 20);
    expect(kept.at(0).item()).toBe(4);
  });

  test("keeps parameters, gradients and the optimizer's state", () => {
    const step = trainer();
    const losses = Array.from({ length: 5 }, () => torch.scope(step));
    const plain = trainer();
    expect(losses).toEqual(Array.from({ length: 5 }, () => plain()));
  });

  test("a tensor that is used after it was freed says so", () => {
    let lost: torch.Tensor | undefined;
    torch.scope(() => {
      lost = torch.ones(2 ** 12);
      return 0;
    });
    expect(() => lost?.add(1)).toThrow(/storage was freed/);
  });
});

describe("running out of memory", () => {
  const hold: torch.Tensor[] = [];
  afterEach(() => {
    hold.length = 0;
  });

  test("is an error that names the request, the limit and the largest storages, and the process goes on", () => {
    const big = torch.empty(2 ** 20);
    expect(() => torch.empty(2 ** 30, { dtype: "float64" })).toThrow(/8589934592.*bytes/);
    expect(() => {
      for (let i = 0; i < 9; i++) hold.push(torch.empty(2 ** 27));
    }).toThrow(/largest of \d+ live storages have 536870912, 536870912, 536870912 bytes/);
    hold.length = 0;
    memory.collect();
    expect(big.fill_(1).sum().item()).toBe(2 ** 20);
  });
});

test("where garbage cannot be collected on demand, running out of memory says what to do", () => {
  const program = `
    process.getBuiltinModule = undefined; // as in a page
    const torch = await import("./src/index.ts");
    const hold = [];
    try { for (let i = 0; i < 9; i++) hold.push(torch.empty(2 ** 27)); } catch (error) { console.log(error.message); }`;
  const args = ["--import", "tsx", "--input-type=module", "-e", program];
  const said = execFileSync(process.execPath, args, { encoding: "utf8" });
  expect(said).toMatch(/memory comes back only while a loop awaits torch\.synchronize\(\).*torch\.scope\(\)/);
});

test("the report names the places that made live storages", () => {
  memory.recordStacks(true);
  const kept = torch.ones(2 ** 16);
  const [first] = memory.report();
  memory.recordStacks(false);
  expect(first?.bytes).toBe(2 ** 18);
  expect(first?.stack).toContain("memory.test");
  expect(kept.numel()).toBe(2 ** 16);
});
