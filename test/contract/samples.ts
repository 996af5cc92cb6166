/** What a sample is, and which an operator has: those of its declaration and those of its family's table. */
import { arity, type Entry } from "./catalogue.ts";
import type { Maker } from "./maker.ts";

/** One call: its arguments, the receiver among them. */
export interface Sample {
  readonly args: readonly unknown[];
  /** Whether derivatives are checked at it: not where it lies on a kink or has no numbers nearby. */
  readonly gradient: boolean;
  /** Whether the shape of its result depends on values. */
  readonly needsData?: boolean;
  /** Whether it follows from the declaration, and so need not fit the operator's dtypes. */
  readonly declared?: boolean;
}

/** Lists of arguments, or samples. */
export type Samples = (m: Maker) => readonly (readonly unknown[] | Sample)[];

/** What a family's table says of an operator: its samples, beyond those declared or instead of them. */
export type Row = Samples | Replacement;

/** Samples instead of the declared ones, or a domain on which the declared ones have derivatives. */
export interface Replacement {
  readonly instead?: Samples;
  readonly domain?: readonly [number, number];
}

/** The samples of a family, by label. */
export type Table = Readonly<Record<string, Row>>;

/** A sample whose derivative is not checked. */
export const valueOnly = (...args: unknown[]): Sample => ({ args, gradient: false });

/** A sample whose result's shape depends on values. */
export const byData = (...args: unknown[]): Sample => ({ args, gradient: false, needsData: true });

const asSample = (s: readonly unknown[] | Sample): Sample => ("args" in s ? s : { args: s, gradient: true });

/** The samples of an operator made by this maker. */
export function samplesOf(entry: Entry, table: Table, m: Maker): Sample[] {
  const row = table[entry.label];
  if (typeof row === "object" && row.instead !== undefined) return row.instead(m).map(asSample);
  const known = declared(entry, m, typeof row === "object" ? row.domain : undefined);
  return [
    ...known.map((s) => ({ ...asSample(s), declared: true })),
    ...(typeof row === "function" ? row(m) : []).map(asSample),
  ];
}

/** Samples that follow from the declaration alone: all shapes and dtypes of one or two operands. */
function declared(entry: Entry, m: Maker, domain?: readonly [number, number]): (readonly unknown[] | Sample)[] {
  const n = arity(entry);
  if (n === 1) return unary(m, domain ?? [0.05, 0.95]);
  if (n === 2) return binary(m, /:operand/.test(entry.op.params[0]!.split(" ")[0]!), domain ?? [0.5, 4]);
  return [];
}

function unary(m: Maker, domain: readonly [number, number]): (readonly unknown[] | Sample)[] {
  return [
    valueOnly(m.tensor([2, 3])),
    [m.tensor([2, 2], { domain })],
    valueOnly(m.positive([3, 1, 2])),
    valueOnly(m.special()),
    valueOnly(m.tensor([19])),
    [m.tensor([], { domain })],
    [m.tensor([0, 3])],
  ];
}

function binary(m: Maker, scalars: boolean, domain: readonly [number, number]): (readonly unknown[] | Sample)[] {
  const [a, b] = [{ domain }, { domain, step: 1 / 64 }];
  const tensors = [
    valueOnly(m.tensor([2, 3]), m.tensor([2, 3])),
    [m.tensor([2, 3], a), m.tensor([2, 3], b)],
    [m.tensor([2, 1, 2], a), m.tensor([3, 1], b)],
    valueOnly(m.special(), m.positive([])),
    valueOnly(m.positive([1]), m.special()),
    valueOnly(m.tensor([19]), m.tensor([19])),
    [m.tensor([], a), m.tensor([], b)],
    [m.tensor([0, 3]), m.tensor([1, 3])],
    valueOnly(m.positive([3]), m.positive([3], "float32")),
    valueOnly(m.positive([3]), m.positive([3], "int64")),
    valueOnly(m.positive([3], "uint8"), m.positive([3])),
    valueOnly(m.positive([2, 2]), m.positive([], "float64")),
  ];
  if (!scalars) return tensors;
  return [...tensors, [m.tensor([2, 3], a), 2], valueOnly(m.tensor([4]), 2.5), valueOnly(m.positive([2, 3]), true)];
}
