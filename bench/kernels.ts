/** How fast single WASM kernels are: bandwidth over 2^20 float32, and what a call costs. Run with `npx tsx`. */
import { wasmCompiler } from "../src/backends/wasm/compiler.ts";
import { createHeap } from "../src/core/heap.ts";
import * as e from "../src/ir/expr.ts";
import type { PointwiseKernel, ReduceKernel, ScanKernel } from "../src/ir/kernel.ts";

const N = 2 ** 20;
const heap = createHeap();
const compiler = wasmCompiler(heap);
const [a, b, out] = [heap.alloc(N * 4), heap.alloc(N * 4), heap.alloc(N * 4)];
for (let i = 0; i < N; i++) {
  heap.f32[a / 4 + i] = Math.random() * 4 - 2;
  heap.f32[b / 4 + i] = Math.random() + 0.1;
}

/** The best of many runs, in ms, and what that means for `bytes` moved. */
function report(name: string, bytes: number, run: () => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 80; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  console.log(
    `${name.padEnd(28)} ${best.toFixed(3).padStart(8)} ms ${(bytes / best / 1e6).toFixed(1).padStart(7)} GB/s`,
  );
}

function perCall(name: string, run: () => void): void {
  const calls = 1_000_000;
  for (let i = 0; i < calls / 10; i++) run();
  const start = performance.now();
  for (let i = 0; i < calls; i++) run();
  console.log(`${name.padEnd(28)} ${(((performance.now() - start) / calls) * 1e6).toFixed(1).padStart(8)} ns`);
}

const pointwise = (expr: e.Expr, inputs: 1 | 2): PointwiseKernel => ({
  skeleton: "pointwise",
  expr,
  lane: "f32",
  inputs: inputs === 1 ? ["float32"] : ["float32", "float32"],
  output: "float32",
});
const reduction = (combine: ReduceKernel["combine"]): ReduceKernel => ({
  skeleton: "reduce",
  combine,
  pre: e.load(0),
  post: null,
  lane: "f32",
  inputs: ["float32"],
  output: combine === "argmax" ? "int64" : "float32",
});

const add = compiler.compile(pointwise(e.add(e.load(0), e.load(1)), 2));
const addRow = add.dense("ccc");
report("add", 12 * N, () => addRow(N, out, a, b));
for (const code of ["exp", "log", "tanh", "erf", "sin", "cos", "expm1", "log1p", "sqrt", "log2"] as const) {
  const run = compiler.compile(pointwise({ op: "unary", code, a: e.load(0) }, 1)).dense("cc");
  report(code, 8 * N, () => run(N, out, b));
}
const pow = compiler.compile(pointwise(e.pow(e.load(0), e.load(1)), 2)).dense("ccc");
report("pow", 12 * N, () => pow(N, out, b, a));

const rows = [1024, 1024];
const dense = [1024, 1];
report("add a row [1024, 1024]", 8 * N, () =>
  add.strided(rows, [
    { address: out, strides: dense },
    { address: a, strides: dense },
    { address: b, strides: [0, 1] },
  ]),
);
report("add transposed [1024, 1024]", 12 * N, () =>
  add.strided(rows, [
    { address: out, strides: dense },
    { address: a, strides: dense },
    { address: b, strides: [1, 1024] },
  ]),
);
for (const combine of ["sum", "max", "argmax"] as const) {
  const run = compiler.compile(reduction(combine));
  report(`${combine} of all`, 4 * N, () => run([], [N], { address: out, strides: [] }, [{ address: a, strides: [1] }]));
  const target = { address: out, strides: [1] };
  report(`${combine} of rows`, 4 * N, () => run([1024], [1024], target, [{ address: a, strides: [1024, 1] }]));
  report(`${combine} of columns`, 4 * N, () => run([1024], [1024], target, [{ address: a, strides: [1, 1024] }]));
}
const scan: ScanKernel = { skeleton: "scan", combine: "sum", input: "float32", lane: "f32", output: "float32" };
const cumsum = compiler.compile(scan);
const place = (address: number) => ({ address, strides: dense });
report("cumsum of rows", 8 * N, () => cumsum([1024], 1024, place(out), place(a), null));

perCall("add of 8, dense", () => addRow(8, out, a, b));
const sum = compiler.compile(reduction("sum"));
perCall("sum of 8", () => sum([], [8], { address: out, strides: [] }, [{ address: a, strides: [1] }]));
const small = [out, a, b].map((address) => ({ address, strides: [1, 2] }));
perCall("add of [2, 2], strided", () => add.strided([2, 2], small));
