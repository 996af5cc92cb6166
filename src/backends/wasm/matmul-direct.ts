/** Matmul without packing: small products and integers by plain loops, matrix times vector by vectors. */
import type { Element } from "./element.ts";
import { type FloatLane, vectorWidth } from "./matmul-pack.ts";
import type { Product } from "./matmul-product.ts";
import { emitElement, emitMultiplyAdd, shapeOf } from "./matmul-strip.ts";
import type { FuncBuilder, Local } from "./module.ts";
import { copyOf, times } from "./walk.ts";

/** One dot product after another, with any strides. k may be 0; m and n may not. */
export function emitPlainProduct(f: FuncBuilder, item: Element, p: Product): void {
  const { lane } = item;
  const [row, out, oldRow, column] = [copyOf(f, p.a), copyOf(f, p.out), copyOf(f, p.old), f.local("i32")];
  const [cell, old, x, y, left] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const sum = f.local(lane);
  times(f, p.m, () => {
    f.get(out).set(cell).get(oldRow).set(old).get(p.b).set(column);
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
      emitElement(f, item, { ...p, out: cell, old }, sum);
      f.add(cell, p.outColumn).add(old, p.oldColumn).add(column, p.bColumn);
    });
    f.add(row, p.aRow).add(out, p.outRow).add(oldRow, p.oldRow);
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
  const [row, out, old] = [copyOf(f, p.a), copyOf(f, p.out), copyOf(f, p.old)];
  const [x, y, left] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const sums = Array.from({ length: SUMS }, () => f.local("v128"));
  const sum = f.local(lane);
  const [element, factor] = [f.local("v128"), f.local("v128")];
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
          f.get(x)
            .load("v128.load", 16 * i)
            .set(element);
          f.get(y)
            .load("v128.load", 16 * i)
            .set(factor);
          emitMultiplyAdd(f, lane, relaxed, element, factor, vector);
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
    emitElement(f, item, { ...p, out, old }, sum);
    f.add(row, p.aRow).add(out, p.outRow).add(old, p.oldRow);
  });
}

function emitTotal(f: FuncBuilder, lane: FloatLane, sums: readonly Local[], sum: Local): void {
  const shape = shapeOf(lane);
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
  const [at, out, old, left] = [copyOf(f, p.a), copyOf(f, p.out), copyOf(f, p.old), copyOf(f, p.m)];
  for (const vectors of [SUMS, 1]) {
    const lines = vectors * vectorWidth(lane);
    f.while(
      () => f.get(left).i32(lines).op("i32.ge_u"),
      () => {
        emitColumnSums(f, item, lane, relaxed, vectors, { ...p, a: at, out, old });
        f.add(at, lines * item.bytes).add(left, -lines);
      },
    );
  }
  f.get(left);
  f.if(() => emitPlainProduct(f, item, { ...p, a: at, out, old, m: left }));
}

/** A few vectors of results; moves `out` and `old` behind them. */
function emitColumnSums(
  f: FuncBuilder,
  item: Element,
  lane: FloatLane,
  relaxed: boolean,
  vectors: number,
  p: Product,
): void {
  const shape = shapeOf(lane);
  const [x, y, element, scale, sum] = [copyOf(f, p.a), copyOf(f, p.b), f.local("v128"), f.local("v128"), f.local(lane)];
  const sums = Array.from({ length: vectors }, () => f.local("v128"));
  for (const vector of sums) f.i32x4(0).set(vector);
  times(f, p.k, () => {
    f.get(y)
      .load(lane === "f32" ? "v128.load32_splat" : "v128.load64_splat")
      .set(scale);
    sums.forEach((vector, i) => {
      f.get(x)
        .load("v128.load", 16 * i)
        .set(element);
      emitMultiplyAdd(f, lane, relaxed, element, scale, vector);
    });
    f.add(x, p.aDepth).add(y, p.bDepth);
  });
  for (const vector of sums) {
    for (let i = 0; i < vectorWidth(lane); i++) {
      f.get(vector).lane(`${shape}.extract_lane`, i).set(sum);
      emitElement(f, item, p, sum);
      f.add(p.out, p.outRow).add(p.old, p.oldRow);
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
