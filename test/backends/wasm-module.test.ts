/** The assembler: every instruction's encoding, control flow, and what it refuses. */
import { expect, test } from "vitest";
import { relaxedSimd } from "../../src/backends/wasm/features.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "../../src/backends/wasm/module.ts";
import {
  instructions,
  type LaneOp,
  type LoadOp,
  type MemoryLaneOp,
  type PlainOp,
  type StoreOp,
} from "../../src/backends/wasm/opcodes.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 16 });

function run(module: ModuleBuilder, env: Record<string, (x: number) => number> = {}): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env: { memory, ...env } }).exports;
}

function emit(f: FuncBuilder, name: string): void {
  if (/(load|store)\d+_lane$/.test(name)) f.memoryLane(name as MemoryLaneOp, 1);
  else if (/lane(_[su])?$/.test(name)) f.lane(name as LaneOp, 1);
  else if (name.includes(".load")) f.load(name as LoadOp, 200);
  else if (name.includes(".store")) f.store(name as StoreOp, 3);
  else f.op(name as PlainOp);
}

const names = [...instructions.keys()].filter((name) => relaxedSimd() || !name.includes("relaxed"));

test.each(names)("%s is encoded with the operands that it says", (name) => {
  const { takes, gives } = instructions.get(name)!;
  const module = new ModuleBuilder(false);
  module.func("probe", takes, gives === null ? [] : [gives], (f, ...params: Local[]) => {
    for (const param of params) f.get(param);
    emit(f, name);
  });
  expect(WebAssembly.validate(module.finish())).toBe(true);
});

test("integer constants of every length arrive unchanged", () => {
  const values = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8193, 2 ** 31 - 1, -(2 ** 31)];
  const module = new ModuleBuilder(false);
  for (const value of values) {
    module.func(`i${value}`, [], ["i32"], (f) => f.i32(value));
    module.func(`l${value}`, [], ["i64"], (f) => f.i64(BigInt(value) * 2n ** 32n));
  }
  const exports = run(module);
  expect(values.map((value) => exported<() => number>(exports, `i${value}`)())).toEqual(values);
  const wide = values.map((value) => exported<() => bigint>(exports, `l${value}`)());
  expect(wide).toEqual(values.map((value) => BigInt(value) * 2n ** 32n));
});

test("loops, branches and values of blocks", () => {
  const module = new ModuleBuilder(false);
  module.func("sum", ["i32"], ["i32"], (f, n) => {
    const [i, total] = [f.local("i32"), f.local("i32")];
    f.while(
      () => f.get(i).get(n).op("i32.lt_u"),
      (done, again) => {
        f.add(i, 1);
        f.get(i).i32(3).op("i32.eq").brIf(again); // leaves out 3
        f.get(i).i32(6).op("i32.eq").brIf(done); // stops at 6
        f.add(total, i);
      },
    );
    f.get(total)
      .i32(100)
      .op("i32.gt_s")
      .ifValue(
        "i32",
        () => f.i32(-1),
        () => f.get(total),
      );
  });
  const sum = exported<(n: number) => number>(run(module), "sum");
  expect([sum(0), sum(2), sum(4), sum(50)]).toEqual([0, 3, 7, 12]);
});

test("imports may come after definitions, and calls still reach the right function", () => {
  const module = new ModuleBuilder(false);
  const half = module.func(null, ["f64"], ["f64"], (f, x) => f.get(x).f64(2).op("f64.div"));
  module.func("run", ["f64"], ["f64"], (f, x) => {
    const host = f.module.import("square", ["f64"], ["f64"]);
    f.get(x).call(half).call(host);
  });
  const exports = run(module, { square: (x) => x * x });
  expect(exported<(x: number) => number>(exports, "run")(6)).toBe(9);
});

test("a shared and an unshared memory need different modules", () => {
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true });
  const link = (module: ModuleBuilder, memory: WebAssembly.Memory): unknown =>
    new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env: { memory } });
  expect(() => link(new ModuleBuilder(true), shared)).not.toThrow();
  expect(() => link(new ModuleBuilder(false), memory)).not.toThrow();
  expect(() => link(new ModuleBuilder(false), shared)).toThrow(WebAssembly.LinkError);
});

test("a mismatch on the stack throws where it is emitted", () => {
  const body = (write: (f: FuncBuilder) => void) => () => new ModuleBuilder(false).func("f", [], [], write);
  expect(body((f) => f.i32(1).f32(1).op("i32.add"))).toThrow("expected i32 on the stack, found f32");
  expect(body((f) => f.op("f64.neg"))).toThrow("expected f64 on the stack, found nothing");
  expect(body((f) => f.i32(1))).toThrow("1 values too many");
});
