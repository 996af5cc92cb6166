/** The float32 formulas against float64, over the whole range: error in units in the last place of the exact result. */
import { expect, test } from "vitest";
import { wasmCompiler } from "../../src/backends/wasm/compiler.ts";
import * as e from "../../src/ir/expr.ts";
import { specialFunction } from "../../src/ir/special.ts";
import { testHeap } from "../support/heap.ts";

const heap = testHeap();
const wasm = wasmCompiler(heap);
const N = 1 << 18;
const [A, B, OUT] = [heap.alloc(N * 4), heap.alloc(N * 4), heap.alloc(N * 4)];
const erf = specialFunction("erf").fn;

/** What float32 rounding makes of an exact value counts as no error; so do equal infinities and NaNs. */
function ulps(got: number, exact: number): number {
  const nearest = Math.fround(exact);
  if (Object.is(got, nearest)) return 0;
  if (!Number.isFinite(nearest) || !Number.isFinite(got) || got === nearest) return Number.POSITIVE_INFINITY;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(exact))), -126);
  return Math.abs(got - exact) / 2 ** (exponent - 23);
}

/** Fills an input with every 2^14th float32, then the special values. */
function everyFloat(address: number, salt: number): void {
  const bits = heap.i32.subarray(address / 4, address / 4 + N);
  for (let i = 0; i < N; i++) bits[i] = (i << 14) + ((i * salt) & 0x3fff);
  const specials = [0, -0, 1, -1, Infinity, -Infinity, Number.NaN, 1e-45, -1e-45, 1.1754942e-38, 3.4e38, 0.5, 2];
  heap.f32.set([...specials, 88.72, 88.73, 89, -87.4, -103.97, -104.1, 8192, 8193, 0.55, 0.9, 3.95], address / 4);
}

/** Fills an input with values in [-reach, reach], dense near 0 too. */
function near(address: number, reach: number): void {
  const x = heap.f32.subarray(address / 4, address / 4 + N);
  for (let i = 0; i < N; i++) x[i] = ((((i * 0.6180339887) % 1) * 2 - 1) * reach) / (1 + (i % 7) * (i % 5));
}

const one = (code: "exp" | "expm1" | "log" | "log1p" | "sin" | "cos" | "tan" | "tanh") => [code, Math[code]] as const;

test.each([
  [...one("exp"), 1],
  [...one("expm1"), 1.6],
  [...one("log"), 1],
  [...one("log1p"), 2.2],
  [...one("sin"), 1.7],
  [...one("cos"), 1.7],
  [...one("tan"), 3],
  [...one("tanh"), 1.7],
  ["erf", (x: number) => erf(x, 0), 1.7],
] as const)("%s in float32", (code, exact, bound) => {
  const expr: e.Expr = { op: "unary", code, a: e.load(0) };
  const run = wasm.compile({ skeleton: "pointwise", expr, lane: "f32", inputs: ["float32"], output: "float32" });
  const fills = [() => everyFloat(A, 7919), () => near(A, 1), () => near(A, 12), () => near(A, 8000)];
  for (const fill of fills) {
    fill();
    run.dense("cc")(N, OUT, A);
    let worst = { error: 0, x: 0 };
    for (let i = 0; i < N; i++) {
      const x = heap.f32[A / 4 + i]!;
      const error = ulps(heap.f32[OUT / 4 + i]!, exact(x));
      if (error > worst.error) worst = { error, x };
    }
    expect(worst.error, `${code}(${worst.x})`).toBeLessThanOrEqual(bound);
  }
});

const kernel = { skeleton: "pointwise", lane: "f32", inputs: ["float32"], output: "float32" } as const;

test("exp of numbers beyond its range, beside others", () => {
  const run = wasm.compile({ ...kernel, expr: e.exp(e.load(0)) }).dense("cc");
  const x = [-Infinity, 1, NaN, 100, -103.9, -90, 0, -1e30];
  heap.f32.set(x, A / 4);
  run(x.length, OUT, A);
  x.forEach((value, i) => {
    const [got, exact] = [heap.f32[OUT / 4 + i]!, Math.exp(Math.fround(value))];
    if (Number.isNaN(exact)) expect(got).toBeNaN();
    else if (exact > 2 ** 128) expect(got).toBe(Infinity);
    else expect(ulps(got, exact)).toBeLessThanOrEqual(1);
  });
});

/** C's pow, where JavaScript's differs. */
function cPow(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  return x ** y;
}

test("pow in float32 is correctly rounded but for ties", () => {
  const expr = e.pow(e.load(0), e.load(1));
  const inputs = ["float32", "float32"] as const;
  const run = wasm.compile({ skeleton: "pointwise", expr, lane: "f32", inputs, output: "float32" });
  const specials = [0, -0, 1, -1, 2, -2, 3, -3, 0.5, 1e-40, -1e-40, 3e38, Infinity, -Infinity, Number.NaN];
  const fills = [
    () => {
      everyFloat(A, 7919);
      near(B, 3);
      specials.forEach((x, i) => {
        specials.forEach((y, j) => {
          heap.f32[A / 4 + i * specials.length + j] = x;
          heap.f32[B / 4 + i * specials.length + j] = y;
        });
      });
    },
    () => {
      near(A, 30);
      near(B, 25);
    },
  ];
  for (const fill of fills) {
    fill();
    run.dense("ccc")(N, OUT, A, B);
    let worst = { error: 0, x: 0, y: 0 };
    for (let i = 0; i < N; i++) {
      const [x, y] = [heap.f32[A / 4 + i]!, heap.f32[B / 4 + i]!];
      const error = ulps(heap.f32[OUT / 4 + i]!, cPow(x, y));
      if (error > worst.error) worst = { error, x, y };
    }
    expect(worst.error, `${worst.x} ** ${worst.y}`).toBeLessThanOrEqual(0.501);
  }
});

test("log10 and log2 of powers of the base are exact in float32", () => {
  heap.f32.set([1000, 1e10, 1e-5, 1], A / 4);
  wasm.compile({ ...kernel, expr: e.log10(e.load(0)) }).dense("cc")(4, OUT, A);
  expect([...heap.f32.subarray(OUT / 4, OUT / 4 + 4)]).toEqual([3, 10, -5, 0]);
  heap.f32.set([8, 1024, 0.125, 2 ** -149], A / 4);
  wasm.compile({ ...kernel, expr: e.log2(e.load(0)) }).dense("cc")(4, OUT, A);
  expect([...heap.f32.subarray(OUT / 4, OUT / 4 + 4)]).toEqual([3, 10, -3, -149]);
});

test("float64 functions are JavaScript's", () => {
  heap.f64.set([0.3, -2, 700], A / 8);
  const expr = e.sub(e.exp(e.load(0)), e.sin(e.load(0)));
  wasm.compile({ skeleton: "pointwise", expr, lane: "f64", inputs: ["float64"], output: "float64" }).dense("cc")(
    3,
    OUT,
    A,
  );
  const wanted = [0.3, -2, 700].map((x) => Math.exp(x) - Math.sin(x));
  expect([...heap.f64.subarray(OUT / 8, OUT / 8 + 3)]).toEqual(wanted);
});

test("the sign of NaN is 0, as PyTorch's comparisons make it", () => {
  heap.f32.set([Number.NaN, -3, 0, 7], A / 4);
  wasm.compile({ ...kernel, expr: e.sign(e.load(0)) }).dense("cc")(4, OUT, A);
  expect([...heap.f32.subarray(OUT / 4, OUT / 4 + 4)]).toEqual([0, -1, 0, 1]);
});
