/** Matmul without packing: small products and integers by plain loops, matrix times vector by vectors. */
import type { Element } from "./element.ts";
import { type FloatLane, vectorWidth } from "./matmul-pack.ts";
import type { Product } from "./matmul-tile.ts";
import type { FuncBuilder, Local } from "./module.ts";
import { copyOf, times } from "./walk.ts";

/** Stores `alpha · sum + beta · out`; reads the old result only with a beta other than 0. */
export function emitResult(f: FuncBuilder, item: Element, out: Local, sum: Local, alpha: Local, beta: Local): void {
  const { lane } = item;
  const value = f.local(lane);
  f.get(sum).get(alpha).op(`${lane}.mul`).set(value);
  f.get(beta)[lane](0).op(`${lane}.ne`);
  f.if(() => {
    f.get(value).get(beta).get(out);
    item.load(f);
    f.op(`${lane}.mul`).op(`${lane}.add`).set(value);
  });
  f.get(out).get(value);
  item.store(f);
}

/** One dot product after another, with any strides. k may be 0; m and n may not. */
export function emitPlainProduct(f: FuncBuilder, item: Element, p: Product): void {
  const { lane } = item;
  const [row, out, column, cell] = [copyOf(f, p.a), copyOf(f, p.out), f.local("i32"), f.local("i32")];
  const [x, y, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const sum = f.local(lane);
  times(f, p.m, () => {
    f.get(out).set(cell).get(p.b).set(column);
    times(f, p.n, () => {
      f[lane](0).set(sum).get(row).set(x).get(column).set(y).get(p.k).set(left);
      f.while(
        () => f.get(left),
        () => {
          f.get(sum).get(x);
          item.load(f);
          f.get(y);
          item.load(f);
          f.op(`${lane}.mul`).op(`${lane}.add`).set(sum);
          f.add(x, p.aDepth).add(y, p.bDepth).add(left, -1);
        },
      );
      emitResult(f, item, cell, sum, p.alpha, p.beta);
      f.add(cell, p.outColumn).add(column, p.bColumn);
    });
    f.add(row, p.aRow).add(out, p.outRow);
  });
}

const SUMS = 4;

/** A function's variables for a matrix times one column, which is dense. */
export function emitRowsTimesVector(
  f: FuncBuilder,
  item: Element,
  lane: FloatLane,
  relaxed: boolean,
  p: Product,
): void {
  const width = vectorWidth(lane);
  const [row, out] = [copyOf(f, p.a), copyOf(f, p.out)];
  const [x, y, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const sums = Array.from({ length: SUMS }, () => f.local("v128"));
  const sum = f.local(lane);
  times(f, p.m, () => {
    for (const vector of sums) f.i32x4(0).set(vector);
    f.get(row).set(x).get(p.b).set(y).get(p.k).set(left);
    f.while(
      () =>
        f
          .get(left)
          .i32(width * SUMS)
          .op("i32.ge_u"),
      () => {
        sums.forEach((vector, i) => {
          const load =
            (from: Local): (() => void) =>
            () =>
              f.get(from).load("v128.load", 16 * i);
          emitMultiplyAdd(f, lane, relaxed, load(x), load(y), vector);
        });
        f.add(x, 16 * SUMS)
          .add(y, 16 * SUMS)
          .add(left, -width * SUMS);
      },
    );
    emitTotal(f, lane, sums, sum);
    f.while(
      () => f.get(left),
      () => {
        f.get(sum).get(x).load(`${lane}.load`).get(y).load(`${lane}.load`).op(`${lane}.mul`).op(`${lane}.add`).set(sum);
        f.add(x, item.bytes).add(y, item.bytes).add(left, -1);
      },
    );
    emitResult(f, item, out, sum, p.alpha, p.beta);
    f.add(row, p.aRow).add(out, p.outRow);
  });
}

function emitMultiplyAdd(
  f: FuncBuilder,
  lane: FloatLane,
  relaxed: boolean,
  a: () => void,
  b: () => void,
  sum: Local,
): void {
  const shape = lane === "f32" ? "f32x4" : "f64x2";
  a();
  b();
  if (relaxed) f.get(sum).op(`${shape}.relaxed_madd`).set(sum);
  else f.op(`${shape}.mul`).get(sum).op(`${shape}.add`).set(sum);
}

function emitTotal(f: FuncBuilder, lane: FloatLane, sums: readonly Local[], sum: Local): void {
  const shape = lane === "f32" ? "f32x4" : "f64x2";
  const [a, b, c, d] = sums as readonly [Local, Local, Local, Local];
  f.get(a).get(b).op(`${shape}.add`).get(c).get(d).op(`${shape}.add`).op(`${shape}.add`).set(a);
  for (let i = 0; i < vectorWidth(lane); i++) {
    f.get(a).lane(`${shape}.extract_lane`, i);
    if (i > 0) f.op(`${lane}.add`);
  }
  f.set(sum);
}

/** As `emitRowsTimesVector` for a matrix whose columns are dense: a few vectors of results at once. */
export function emitColumnsTimesVector(
  f: FuncBuilder,
  item: Element,
  lane: FloatLane,
  relaxed: boolean,
  p: Product,
): void {
  const [at, out, left] = [copyOf(f, p.a), copyOf(f, p.out), copyOf(f, p.m)];
  for (const vectors of [SUMS, 1]) {
    const lines = vectors * vectorWidth(lane);
    f.while(
      () => f.get(left).i32(lines).op("i32.ge_u"),
      () => {
        emitColumnSums(f, item, lane, relaxed, vectors, at, out, p);
        f.add(at, lines * item.bytes).add(left, -lines);
      },
    );
  }
  f.get(left);
  f.if(() => emitPlainProduct(f, item, { ...p, a: at, out, m: left }));
}

function emitColumnSums(
  f: FuncBuilder,
  item: Element,
  lane: FloatLane,
  relaxed: boolean,
  vectors: number,
  at: Local,
  out: Local,
  p: Product,
): void {
  const shape = lane === "f32" ? "f32x4" : "f64x2";
  const [x, y, scale, sum] = [copyOf(f, at), copyOf(f, p.b), f.local("v128"), f.local(lane)];
  const sums = Array.from({ length: vectors }, () => f.local("v128"));
  for (const vector of sums) f.i32x4(0).set(vector);
  times(f, p.k, () => {
    f.get(y)
      .load(lane === "f32" ? "v128.load32_splat" : "v128.load64_splat")
      .set(scale);
    sums.forEach((vector, i) => {
      emitMultiplyAdd(
        f,
        lane,
        relaxed,
        () => f.get(x).load("v128.load", 16 * i),
        () => f.get(scale),
        vector,
      );
    });
    f.add(x, p.aDepth).add(y, p.bDepth);
  });
  for (const vector of sums) {
    for (let i = 0; i < vectorWidth(lane); i++) {
      f.get(vector).lane(`${shape}.extract_lane`, i).set(sum);
      emitResult(f, item, out, sum, p.alpha, p.beta);
      f.add(out, p.outRow);
    }
  }
}

/** Copies a strided column of `k` elements to `to`. */
export function emitGatherColumn(f: FuncBuilder, item: Element, from: Local, step: Local, k: Local, to: Local): void {
  const [x, y] = [copyOf(f, from), copyOf(f, to)];
  times(f, k, () => {
    f.get(y).get(x);
    item.load(f);
    item.store(f);
    f.add(x, step).add(y, item.bytes);
  });
}
