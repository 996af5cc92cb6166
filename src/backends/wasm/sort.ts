/** Stable sorting of dense rows: by insertion when short, else by radix on keys whose unsigned order is the values'. */
import { dtypes, type RealName } from "../../core/dtype.ts";
import { SCRATCH_TABLES } from "../../core/heap.ts";
import type { SortKernel, SortRun } from "../../ir/kernel.ts";
import type { WasmContext } from "./context.ts";
import { bits, type Element } from "./element.ts";
import { exported, type FuncBuilder, type Local, ModuleBuilder } from "./module.ts";
import { ranges, WORTH_HEAVY } from "./parallel.ts";
import { emitKey, type KeyForm, keyForm } from "./sort-key.ts";
import type { Call } from "./team.ts";
import { times } from "./walk.ts";

type RowsFunction = (
  rows: number,
  length: number,
  values: number,
  indices: number,
  input: number,
  a: number,
  b: number,
  counts: number,
) => void;

/** Rows up to this length are sorted by insertion: counting costs a few thousand steps whatever the length. */
const INSERTION_LENGTH = 32;
/** From here on fewer passes with wider digits win, although their counters fill the first cache. */
const WIDE_LENGTH = 8192;

/** Compiles a sort. */
export function sort(kernel: SortKernel, ctx: WasmContext): SortRun {
  const form = keyForm(kernel.dtype);
  const module = new ModuleBuilder(ctx.heap.shared);
  emitInsertion(module, kernel, form);
  emitRadix(module, "narrow", kernel, form, 8);
  emitRadix(module, "wide", kernel, form, 11);
  const exports = ctx.instantiate(module.finish());
  const insertion = exported<RowsFunction>(exports, "insertion");
  const narrow = exported<RowsFunction>(exports, "narrow");
  const wide = exported<RowsFunction>(exports, "wide");
  const { heap } = ctx;
  const run: SortRun = (rows, length, values, indices, input) => {
    if (rows === 0 || length === 0) return;
    if (values === input) {
      // Values are looked up in the input while they are written.
      const bytes = rows * length * dtypes[kernel.dtype].itemsize;
      const copy = heap.alloc(bytes);
      heap.u8.copyWithin(copy, input, input + bytes);
      run(rows, length, values, indices, copy);
      heap.free(copy);
      return;
    }
    const short = length <= INSERTION_LENGTH;
    const digit = length >= WIDE_LENGTH && form.width > 16 ? 11 : 8;
    const pairs = length * form.pairBytes;
    const radix = digit === 11 ? wide : narrow;
    const bytes = short ? pairs : 2 * pairs + passes(form, digit) * 4 * 2 ** digit;
    const pieces = Math.min(rows, ctx.team.pieces(rows * length, WORTH_HEAVY));
    if (short && pieces === 1) {
      insertion(rows, length, values, indices, input, heap.scratch + SCRATCH_TABLES, 0, 0);
      return;
    }
    const each = (bytes + 63) & -64;
    const buffers = heap.alloc(each * pieces);
    const { itemsize } = dtypes[kernel.dtype];
    const calls = ranges(rows, pieces).map(([from, to], piece): Call => {
      const at = (address: number, size: number): number => (address === 0 ? 0 : address + from * length * size);
      const buffer = buffers + each * piece;
      const args = [to - from, length, at(values, itemsize), at(indices, 8), at(input, itemsize)];
      return { func: short ? insertion : radix, args: [...args, buffer, buffer + pairs, buffer + 2 * pairs] };
    });
    ctx.team.run(calls);
    heap.free(buffers);
  };
  return run;
}

const passes = ({ width }: KeyForm, digit: number): number => Math.ceil(width / digit);

interface Row {
  readonly length: Local;
  readonly values: Local;
  readonly indices: Local;
  readonly input: Local;
  readonly a: Local;
  readonly b: Local;
  readonly counts: Local;
  /** Where the sorted pairs are to be found. */
  readonly sorted: Local;
}

/** A function that runs `body` for each row and then writes what its pairs say. */
function eachRow(
  module: ModuleBuilder,
  name: string,
  kernel: SortKernel,
  form: KeyForm,
  body: (f: FuncBuilder, row: Row) => void,
): void {
  const item = bits(module, kernel.dtype);
  const types = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
  module.func(name, types, [], (f, rows, length, values, indices, input, a, b, counts) => {
    const sorted = f.local("i32");
    times(f, rows, () => {
      body(f, { length, values, indices, input, a, b, counts, sorted });
      emitResults(f, item, form, { length, values, indices, input, sorted });
      f.get(length).i32(item.bytes).op("i32.mul").get(input).op("i32.add").set(input);
    });
  });
}

/** Writes a row's values, looked up by index since keys forget the sign of zero and NaN's bits, and its indices. */
function emitResults(
  f: FuncBuilder,
  item: Element,
  { pairBytes }: KeyForm,
  { length, values, indices, input, sorted }: Pick<Row, "length" | "values" | "indices" | "input" | "sorted">,
): void {
  const pair = f.local("i32");
  f.get(values);
  f.if(() => {
    f.get(sorted).set(pair);
    times(f, length, () => {
      f.get(values)
        .get(pair)
        .load("i32.load", pairBytes / 2);
      f.i32(item.bytes).op("i32.mul").get(input).op("i32.add");
      item.load(f);
      item.store(f);
      f.add(values, item.bytes).add(pair, pairBytes);
    });
  });
  f.get(indices);
  f.if(() => {
    f.get(sorted).set(pair);
    times(f, length, () => {
      f.get(indices)
        .get(pair)
        .load("i64.load32_u", pairBytes / 2)
        .store("i64.store");
      f.add(indices, 8).add(pair, pairBytes);
    });
  });
}

/** Writes the pairs (key, index) of a row to `a`; `visit` gets each key. */
function emitPairs(
  f: FuncBuilder,
  { dtype, descending }: { readonly dtype: RealName; readonly descending: boolean },
  form: KeyForm,
  { length, input, a }: Pick<Row, "length" | "input" | "a">,
  visit: (key: Local) => void,
): void {
  const [from, to, index] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const key = f.local(form.type);
  f.get(input).set(from).get(a).set(to).i32(0).set(index);
  times(f, length, () => {
    f.get(to);
    emitKey(f, dtype, from, descending);
    f.tee(key).store(`${form.type}.store`);
    f.get(to)
      .get(index)
      .store("i32.store", form.pairBytes / 2);
    visit(key);
    f.add(from, dtypes[dtype].itemsize).add(to, form.pairBytes).add(index, 1);
  });
}

function emitInsertion(module: ModuleBuilder, kernel: SortKernel, form: KeyForm): void {
  const { pairBytes, type } = form;
  eachRow(module, "insertion", kernel, form, (f, row) => {
    const { length, a, sorted } = row;
    emitPairs(f, kernel, form, row, () => {});
    const [at, hole, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const key = f.local(type);
    const index = f.local("i32");
    f.get(a).tee(sorted).i32(pairBytes).op("i32.add").set(at);
    f.get(length).i32(pairBytes).op("i32.mul").get(a).op("i32.add").set(end);
    f.while(
      () => f.get(at).get(end).op("i32.lt_u"),
      () => {
        f.get(at)
          .load(`${type}.load`)
          .set(key)
          .get(at)
          .load("i32.load", pairBytes / 2)
          .set(index)
          .get(at)
          .set(hole);
        f.while(
          () => {
            f.get(hole).get(a).op("i32.gt_u");
            f.ifValue(
              "i32",
              () => f.get(hole).i32(pairBytes).op("i32.sub").load(`${type}.load`).get(key).op(`${type}.gt_u`),
              () => f.i32(0),
            );
          },
          () => {
            f.get(hole);
            emitLoadPair(f, form, () => f.get(hole).i32(pairBytes).op("i32.sub"));
            emitStorePair(f, form);
            f.add(hole, -pairBytes);
          },
        );
        f.get(hole)
          .get(key)
          .store(`${type}.store`)
          .get(hole)
          .get(index)
          .store("i32.store", pairBytes / 2);
        f.add(at, pairBytes);
      },
    );
  });
}

function emitLoadPair(f: FuncBuilder, { pairBytes }: KeyForm, address: () => void): void {
  address();
  f.load(pairBytes === 8 ? "i64.load" : "v128.load");
}

function emitStorePair(f: FuncBuilder, { pairBytes }: KeyForm): void {
  f.store(pairBytes === 8 ? "i64.store" : "v128.store");
}

/** Least significant digit first. All digits are counted in one go while the keys are made. */
function emitRadix(module: ModuleBuilder, name: string, kernel: SortKernel, form: KeyForm, digit: number): void {
  const count = passes(form, digit);
  const tableBytes = 4 * 2 ** digit;
  eachRow(module, name, kernel, form, (f, row) => {
    const { length, a, b, counts, sorted } = row;
    const other = f.local("i32");
    f.get(counts)
      .i32(0)
      .i32(count * tableBytes)
      .memoryFill();
    emitPairs(f, kernel, form, row, (key) => {
      for (let pass = 0; pass < count; pass++) {
        const cell = emitCell(f, form, digit, pass, counts, () => f.get(key));
        f.get(cell).get(cell).load("i32.load").i32(1).op("i32.add").store("i32.store");
      }
    });
    f.get(a).set(sorted).get(b).set(other);
    for (let pass = 0; pass < count; pass++) {
      // A digit that all keys share moves nothing.
      const cell = emitCell(f, form, digit, pass, counts, () => f.get(sorted).load(`${form.type}.load`));
      f.get(cell).load("i32.load").get(length).op("i32.ne");
      f.if(() => emitPass(f, form, digit, pass, { sorted, other, counts, length }));
    }
  });
}

/** The address of the counter of a key's digit, in a new variable. */
function emitCell(
  f: FuncBuilder,
  { type }: KeyForm,
  digit: number,
  pass: number,
  counts: Local,
  key: () => void,
): Local {
  const cell = f.local("i32");
  key();
  if (type === "i64")
    f.i64(digit * pass)
      .op("i64.shr_u")
      .op("i32.wrap_i64");
  else f.i32(digit * pass).op("i32.shr_u");
  f.i32(2 ** digit - 1)
    .op("i32.and")
    .i32(2)
    .op("i32.shl");
  f.get(counts)
    .op("i32.add")
    .i32(pass * 4 * 2 ** digit)
    .op("i32.add")
    .set(cell);
  return cell;
}

interface Pass {
  readonly sorted: Local;
  readonly other: Local;
  readonly counts: Local;
  readonly length: Local;
}

/** Turns counts into addresses, moves the pairs there and exchanges the two buffers. */
function emitPass(f: FuncBuilder, form: KeyForm, digit: number, pass: number, at: Pass): void {
  const { sorted, other, counts, length } = at;
  const { pairBytes, type } = form;
  const [next, cell, bytes, pair] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const cells = f.local("i32");
  f.get(other)
    .set(next)
    .i32(2 ** digit)
    .set(cells);
  f.get(counts)
    .i32(pass * 4 * 2 ** digit)
    .op("i32.add")
    .set(cell);
  times(f, cells, () => {
    f.get(cell).load("i32.load").i32(pairBytes).op("i32.mul").set(bytes);
    f.get(cell).get(next).store("i32.store");
    f.add(next, bytes).add(cell, 4);
  });
  f.get(sorted).set(pair);
  times(f, length, () => {
    const to = emitCell(f, form, digit, pass, counts, () => f.get(pair).load(`${type}.load`));
    f.get(to).load("i32.load").tee(next);
    emitLoadPair(f, form, () => f.get(pair));
    emitStorePair(f, form);
    f.get(to).get(next).i32(pairBytes).op("i32.add").store("i32.store");
    f.add(pair, pairBytes);
  });
  f.get(sorted).get(other).set(sorted).set(other);
}
