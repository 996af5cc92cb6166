/** What a second thread gains: kernels on one and on two threads in turn. Run with `npx tsx`, on an idle machine. */
import { createContext, wasmCompiler } from "../src/backends/wasm/compiler.ts";
import { chooseThreads } from "../src/backends/wasm/threads.ts";
import { createHeap } from "../src/core/heap.ts";
import * as e from "../src/ir/expr.ts";
import type { Operand, PointwiseKernel, ReduceKernel } from "../src/ir/kernel.ts";

/** Turns of each comparison, so that some of them find both processors idle. */
const MILLISECONDS = 1000;
const N = 2 ** 22;
const heap = createHeap();
const context = createContext(heap);
const compiler = wasmCompiler(heap, context);
const [a, b, out] = [heap.alloc(N * 4), heap.alloc(N * 4), heap.alloc(N * 8)];
for (let i = 0; i < N; i++) {
  heap.f32[a / 4 + i] = Math.random() * 4 - 2;
  heap.f32[b / 4 + i] = Math.random() + 0.1;
}

function milliseconds(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** The best times of one and of two threads, taken in turns. */
function compare(name: string, run: () => void): void {
  const best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const before = context.team.helped;
  let rounds = 0;
  for (const end = performance.now() + MILLISECONDS; performance.now() < end; rounds++) {
    for (const threads of [1, 2]) {
      chooseThreads(threads);
      for (let i = 0; i < 5; i++) best[threads - 1] = Math.min(best[threads - 1]!, milliseconds(run));
    }
  }
  const [one, two] = best as [number, number];
  const helped = (context.team.helped - before) / (5 * rounds);
  const gain = `${(one / two).toFixed(2)}x`;
  console.log(
    `${name.padEnd(32)}${one.toFixed(3).padStart(9)} ms${two.toFixed(3).padStart(9)} ms  ${gain}  (${helped.toFixed(1)} calls)`,
  );
}

const at = (address: number, ...strides: number[]): Operand => ({ address, strides });
const pointwise = (expr: e.Expr, inputs: number): PointwiseKernel => ({
  skeleton: "pointwise",
  expr,
  lane: "f32",
  inputs: new Array(inputs).fill("float32"),
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
chooseThreads(2);
const deadline = performance.now() + 5000;
while (context.team.helped === 0 && performance.now() < deadline) addRow(N, out, a, b);

for (const log of [8, 16, 17, 18, 20, 22]) compare(`add 2^${log}`, () => addRow(2 ** log, out, a, b));
const exp = compiler.compile(pointwise({ op: "unary", code: "exp", a: e.load(0) }, 1)).dense("cc");
for (const log of [18, 20]) compare(`exp 2^${log}`, () => exp(2 ** log, out, a));
compare("add a row [1024, 1024]", () => add.strided([1024, 1024], [at(out, 1024, 1), at(a, 1024, 1), at(b, 0, 1)]));
compare("add transposed [1024, 1024]", () =>
  add.strided([1024, 1024], [at(out, 1024, 1), at(a, 1024, 1), at(b, 1, 1024)]),
);
for (const combine of ["sum", "max", "argmax"] as const) {
  const run = compiler.compile(reduction(combine));
  compare(`${combine} of all 2^22`, () => run([], [N], at(out), [at(a, 1)]));
  compare(`${combine} of rows [1024, 1024]`, () => run([1024], [1024], at(out, 1), [at(a, 1024, 1)]));
  compare(`${combine} of columns [1024, 1024]`, () => run([1024], [1024], at(out, 1), [at(a, 1, 1024)]));
}
const cumsum = compiler.compile({ skeleton: "scan", combine: "sum", input: "float32", lane: "f32", output: "float32" });
compare("cumsum of rows [1024, 1024]", () => cumsum([1024], 1024, at(out, 1024, 1), at(a, 1024, 1), null));
const matmul = compiler.compile({ skeleton: "matmul", dtype: "float32" });
for (const n of [128, 256, 512, 1024]) {
  compare(`matmul ${n}`, () => matmul([], n, n, n, at(out, n, 1), at(a, n, 1), at(b, n, 1), 1, 0));
}
compare("matmul 64 of 64 x 64 x 32", () =>
  matmul([64], 64, 32, 64, at(out, 2048, 32, 1), at(a, 4096, 64, 1), at(b, 2048, 32, 1), 1, 0),
);
const sort = compiler.compile({ skeleton: "sort", dtype: "float32", descending: false });
const values = heap.alloc(2 ** 20 * 4);
compare("sort rows [1024, 1024]", () => sort(1024, 1024, values, out, a));
const im2col = compiler.compile({ skeleton: "window", mode: "im2col", dtype: "float32" });
const columns = heap.alloc(256 * 9 * 56 * 56 * 4);
const size = { input: [56, 56], output: [56, 56], kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
compare("im2col 256 planes 56x56, 3x3", () => im2col(256, size, at(a, 3136, 56, 1), columns));
