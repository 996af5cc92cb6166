/** What gather and scatter share: the check of the indices, and the walk that finds the chosen elements. */
import { dtypes } from "../../core/dtype.ts";
import type { GatherKernel, IndexSpace, Operand, ScatterKernel } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { exported, type Func, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { numelOf, runTables, WORTH } from "./parallel.ts";
import { collapse, copyOf, cutWalk, type Dims, openWalk, times, walkTable, withTable } from "./walk.ts";

/** How one element, or a dense row of them, meets another. */
export interface Move {
  /** Addresses of the walked element and of the chosen one. */
  element(f: FuncBuilder, walked: Local, chosen: Local): void;
  /** The same for `n` dense elements: `walked`, `chosen`, `n` as arguments. */
  readonly row: Func;
}

/** Walks `walked` and `chosen` (at its position without indices) together with the indices. */
export type IndexedRun = (
  shape: readonly number[],
  walked: Operand,
  chosen: Operand,
  indices: readonly Operand[],
  space: IndexSpace,
) => { readonly operand: number; readonly value: number } | null;

type TableFunction = (table: number) => number;

/** The runner of a kernel that differs from others in its `move` only. */
export function indexedRun(
  kernel: GatherKernel | ScatterKernel,
  ctx: WasmContext,
  makeMove: (module: ModuleBuilder) => Move,
): IndexedRun {
  const count = kernel.indices;
  const { itemsize } = dtypes[kernel.dtype];
  const module = new ModuleBuilder(ctx.heap.shared);
  const move = makeMove(module);
  emitCheck(module, count);
  emitElements(module, count, move);
  emitRows(module, count, itemsize, move);
  const exports = ctx.instantiate(module.finish());
  const check = exported<TableFunction>(exports, "check");
  const elements = exported<TableFunction>(exports, "elements");
  const rows = exported<TableFunction>(exports, "rows");
  const indexBytes = new Array<number>(count).fill(8);
  const allBytes = [itemsize, itemsize, ...indexBytes];
  // Two positions of a scatter may have the same target, and their order counts.
  const pieces = (shape: readonly number[]): number =>
    kernel.skeleton === "scatter" ? 1 : ctx.team.pieces(numelOf(shape), WORTH);
  return (shape, walked, chosen, indices, space) => {
    if (shape.includes(0)) return null;
    const addresses = indices.map((index) => index.address);
    const indexStrides = indices.map((index) => index.strides);
    const found = findBad(ctx, check, varying(shape, indexStrides), addresses, space);
    if (found !== null) return found;
    const dims = collapse(shape, [walked.strides, chosen.strides, ...indexStrides], allBytes);
    const extra = [...space.sizes, ...space.strides.map((stride) => stride * itemsize)];
    const func = constantIndices(dims) ? rows : elements;
    const tables = cutWalk(dims, pieces(shape)).map((part) =>
      walkTable(
        part.dims,
        [walked.address, chosen.address, ...addresses].map((address, k) => address + (part.offsets[k] ?? 0)),
        extra,
      ),
    );
    if (tables.length === 1) withTable(ctx.heap, tables[0]!, func);
    else {
      runTables(
        ctx,
        tables.map((words) => ({ func, words, rest: [] })),
      );
    }
    return null;
  };
}

/** Whether one choice holds for the whole innermost dim. */
const constantIndices = ({ steps }: Dims): boolean =>
  steps.length > 0 && steps[0]!.every((step, i) => i < 2 || step === 0);

/** The walk over the indices alone, without the dims in which none of them moves. */
function varying(shape: readonly number[], strides: readonly (readonly number[])[]): Dims {
  const kept = shape.map((_, dim) => dim).filter((dim) => strides.some((operand) => operand[dim] !== 0));
  return collapse(
    kept.map((dim) => shape[dim]!),
    strides.map((operand) => kept.map((dim) => operand[dim]!)),
    strides.map(() => 8),
  );
}

function findBad(
  { heap }: WasmContext,
  check: TableFunction,
  dims: Dims,
  addresses: readonly number[],
  space: IndexSpace,
): { readonly operand: number; readonly value: number } | null {
  return withTable(heap, walkTable(dims, addresses, space.sizes), (table) => {
    const operand = check(table) - 1;
    return operand < 0 ? null : { operand, value: Number(heap.i64[table / 8]!) };
  });
}

/** table -> 0, or 1 + the operand of the first bad index, whose value then stands at the table's start. */
function emitCheck(module: ModuleBuilder, count: number): void {
  module.func("check", ["i32"], ["i32"], (f, table) => {
    const walk = openWalk(f, table, count, count);
    const value = f.local("i64");
    walk.run(() => {
      const cursors = walk.addresses.map((address) => copyOf(f, address));
      times(f, walk.inner, () => {
        cursors.forEach((cursor, k) => {
          const size = walk.extra[k]!;
          // -size <= value < size, as one unsigned comparison.
          f.get(cursor).load("i64.load").tee(value).get(size).op("i64.extend_i32_u").op("i64.add");
          f.get(size).op("i64.extend_i32_u").i64(1).op("i64.shl").op("i64.ge_u");
          f.if(() =>
            f
              .get(table)
              .get(value)
              .store("i64.store")
              .i32(k + 1)
              .return(),
          );
          f.add(cursor, walk.steps[k]!);
        });
      });
    });
    f.i32(0);
  });
}

/** Adds to `chosen` what the indices at `cursors` select. */
function emitChoice(f: FuncBuilder, chosen: Local, cursors: readonly Local[], extra: readonly Local[]): void {
  const index = f.local("i32");
  cursors.forEach((cursor, k) => {
    f.get(cursor).load("i64.load").op("i32.wrap_i64").tee(index);
    f.get(index).i32(31).op("i32.shr_s").get(extra[k]!).op("i32.and").op("i32.add"); // a negative one: + size
    f.get(extra[cursors.length + k]!)
      .op("i32.mul")
      .get(chosen)
      .op("i32.add")
      .set(chosen);
  });
}

/** An index is read for each element. */
function emitElements(module: ModuleBuilder, count: number, move: Move): void {
  module.func("elements", ["i32"], ["i32"], (f, table) => {
    const walk = openWalk(f, table, 2 + count, 2 * count);
    const chosen = f.local("i32");
    walk.run(() => {
      const cursors = walk.addresses.map((address) => copyOf(f, address));
      times(f, walk.inner, () => {
        f.get(cursors[1]!).set(chosen);
        emitChoice(f, chosen, cursors.slice(2), walk.extra);
        move.element(f, cursors[0]!, chosen);
        cursors.forEach((cursor, i) => {
          f.add(cursor, walk.steps[i]!);
        });
      });
    });
    f.i32(0);
  });
}

/** An index is read once for the whole innermost dim. */
function emitRows(module: ModuleBuilder, count: number, bytes: number, move: Move): void {
  module.func("rows", ["i32"], ["i32"], (f, table) => {
    const walk = openWalk(f, table, 2 + count, 2 * count);
    const [walkedStep, chosenStep] = [walk.steps[0]!, walk.steps[1]!];
    walk.run(() => {
      const walked = copyOf(f, walk.addresses[0]!);
      const chosen = copyOf(f, walk.addresses[1]!);
      emitChoice(f, chosen, walk.addresses.slice(2), walk.extra);
      f.get(walkedStep).i32(bytes).op("i32.eq").get(chosenStep).i32(bytes).op("i32.eq").op("i32.and");
      f.if(
        () => f.get(walked).get(chosen).get(walk.inner).call(move.row),
        () =>
          times(f, walk.inner, () => {
            move.element(f, walked, chosen);
            f.add(walked, walkedStep).add(chosen, chosenStep);
          }),
      );
    });
    f.i32(0);
  });
}
