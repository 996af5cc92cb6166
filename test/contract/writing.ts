/** The in-place forms: the value of the out-of-place one, written where the receiver lies and nowhere else. */
import { canCast, type DTypeName, dtypeList } from "../../src/core/dtype.ts";
import { equalShapes } from "../../src/core/layout.ts";
import { isTensor, type Tensor } from "../../src/core/tensor.ts";
import { backends, on, shipped, truth } from "./backends.ts";
import { type Entry, entryOf } from "./catalogue.ts";
import { difference, isPlain, type Leaf, leaf } from "./compare.ts";
import { closenessOf, needsDouble, writesExpanded, writesTwice } from "./exceptions.ts";
import { type LayoutName, positions } from "./layouts.ts";
import { Maker } from "./maker.ts";
import { outcome } from "./outcome.ts";
import { samplesOf, type Table } from "./samples.ts";

/** What the out-of-place form says about one sample. */
interface Expected {
  /** The result as the receiver's dtype can hold it, or null where it cannot. */
  readonly leaf: Leaf | null;
  readonly strides: readonly number[];
}

const realDTypes = dtypeList.filter((d) => !d.isComplex);

/** The receiver's position among the arguments. */
export const receiverOf = ({ op }: Entry): number => op.receiver ?? 0;

/** The method `name_` of a receiver. */
export function writeInto(entry: Entry, args: readonly unknown[]): unknown {
  const at = receiverOf(entry);
  const self = args[at] as Record<string, (...rest: unknown[]) => unknown>;
  return self[`${entry.name}_`]!(...args.filter((_, i) => i !== at));
}

/** Everything that is wrong with the in-place form, as sentences. */
export function inplaceProblems(entry: Entry, table: Table): string[] {
  return realDTypes.flatMap(({ name }) =>
    (["contiguous", "transposed", "offset", "expanded"] as const).flatMap((layout) => {
      const repeat = layout === "expanded";
      const want = on(truth, () => expected(entry, table, name, repeat ? "expanded" : "contiguous", repeat));
      return backends.flatMap((backend) =>
        on(backend, () => written(entry, table, name, layout, want)).map((text) => `${text} (${backend.name})`),
      );
    }),
  );
}

/** Everything that is wrong with an operator that writes its first argument; its value is that of the pure one, if any. */
export function mutatorProblems(entry: Entry, table: Table): string[] {
  const pure = entry.label.startsWith("nn.") ? entryOf(entry.label.slice(0, -1)) : null;
  const write = (args: readonly unknown[]): unknown => entry.call(...args);
  return realDTypes.flatMap(({ name: dtype }) =>
    (["contiguous", "transposed", "offset", "expanded"] as const).flatMap((layout) => {
      const setting = { dtype, layout, repeat: layout === "expanded" };
      const want = on(truth, () =>
        samplesOf(entry, table, new Maker(setting)).map(({ args }): Expected => {
          const { result, error } = outcome(() => (pure ?? entry).call(...args));
          return { leaf: error === null ? leaf(result as Tensor) : null, strides: [] };
        }),
      );
      return samplesOf(entry, table, new Maker(setting)).flatMap(({ args }, i) => {
        const text = on(shipped, () => stored(entry, args, args[0] as Tensor, want[i]!, write));
        return text === null ? [] : [`${entry.label} sample ${i}, ${dtype}, ${layout}: ${text}`];
      });
    }),
  );
}

/** What is wrong with the form that writes its input when `inplace` says so. */
export function inplaceOptionProblems(entry: Entry, table: Table): string[] {
  const maker = (): Maker => new Maker({ dtype: "float32", layout: "transposed", repeat: false });
  const again = samplesOf(entry, table, maker());
  return samplesOf(entry, table, maker()).flatMap(({ args }, i) => {
    const want = outcome(() => entry.call(...args));
    const given = again[i]!.args;
    const options = isPlain(given.at(-1)) ? given.slice(0, -1) : given;
    const named = isPlain(given.at(-1)) ? (given.at(-1) as object) : {};
    const got = outcome(() => entry.call(...options, { ...named, inplace: true }));
    const text =
      got.error === null && got.result !== given[0]
        ? "does not return its input"
        : (got.error ?? difference(want.leaves, got.leaves, exactly));
    return text === null ? [] : [`${entry.label} sample ${i}, in place: ${text}`];
  });
}

function expected(entry: Entry, table: Table, dtype: DTypeName, layout: LayoutName, repeat: boolean): Expected[] {
  const maker = new Maker({ dtype, layout, repeat });
  return samplesOf(entry, table, maker).map(({ args }) => {
    const self = args[receiverOf(entry)];
    const { result } = outcome(() => entry.call(...args));
    const none = { leaf: null, strides: [] };
    if (!isTensor(self) || !isTensor(result) || !canCast(result.dtype, self.dtype)) return none;
    if (entry.op.kind !== "view" && !equalShapes(result.shape, self.shape)) return none;
    return { leaf: leaf(result.to(self.dtype)), strides: result.stride() };
  });
}

function written(
  entry: Entry,
  table: Table,
  dtype: DTypeName,
  layout: LayoutName,
  want: readonly Expected[],
): string[] {
  const maker = new Maker({ dtype, layout, repeat: layout === "expanded" });
  return samplesOf(entry, table, maker).flatMap(({ args }, i) => {
    const self = args[receiverOf(entry)];
    if (!isTensor(self)) return [];
    const text = entry.op.kind === "view" ? relaid(entry, args, self, want[i]!) : stored(entry, args, self, want[i]!);
    return text === null ? [] : [`${entry.label}_ sample ${i}, ${dtype}, ${layout}: ${text}`];
  });
}

/** A write of values. */
function stored(
  entry: Entry,
  args: readonly unknown[],
  self: Tensor,
  want: Expected,
  write = (given: readonly unknown[]): unknown => writeInto(entry, given),
): string | null {
  const before = leaf(self);
  const dtype = self.dtype.name;
  const outside = bytesOutside(self);
  const version = self._version;
  const made = outcome(() => write(args));
  if (made.crashed) return `crashes: ${made.error}`;
  if (!equalBytes(outside, bytesOutside(self))) return "writes beside its receiver";
  const exempt = writesExpanded.has(entry.label) && !(entry.inplace && self.isFloatingPoint());
  const overlapping = self.impl.layout.selfOverlapping && !exempt;
  if (overlapping && made.error === null) return "writes to an expanded receiver";
  if (made.error !== null) {
    if (self._version !== version) return `counts a write although it throws ${made.error}`;
    if (difference([before], [leaf(self)], exactly) !== null) return `writes before it throws ${made.error}`;
    const refuses = needsDouble.has(entry.label) && dtype !== "float64";
    return want.leaf === null || overlapping || refuses ? null : `throws ${made.error}`;
  }
  if (want.leaf === null) return "writes what the out-of-place form refuses, or what the receiver cannot hold";
  if (made.result !== self) return "does not return its receiver";
  const counted = self._version - version;
  if (counted !== 1 && !(counted === 2 && writesTwice.has(entry.label))) return `counts ${counted} writes`;
  return difference([want.leaf], [leaf(self)], closenessOf(entry));
}

/** A change of the layout alone. */
function relaid(entry: Entry, args: readonly unknown[], self: Tensor, want: Expected): string | null {
  const version = self._version;
  const storage = self.impl.storage;
  const view = outcome(() => entry.call(...args)).result;
  const made = outcome(() => writeInto(entry, args));
  if (made.crashed) return `crashes: ${made.error}`;
  if (made.error !== null) return want.leaf === null ? null : `throws ${made.error}`;
  if (!isTensor(view)) return "succeeds where the out-of-place form throws";
  if (made.result !== self) return "does not return its receiver";
  if (self.impl.storage !== storage) return "moves to another storage";
  if (self._version !== version + 1) return `counts ${self._version - version} writes`;
  if (!self.impl.layout.equals(view.impl.layout)) return `lies as [${self.stride()}], the view as [${view.stride()}]`;
  return null;
}

const exactly = { factor: 0, toLargest: false };

/** The bytes of the receiver's storage that are not its elements. */
function bytesOutside(t: Tensor): number[] {
  const { storage, layout, dtype } = t.impl;
  if (storage.nbytes === 0) return [];
  const inside = new Set(positions(layout));
  return [...storage.bytes()].filter((_, i) => !inside.has(Math.floor(i / dtype.itemsize)));
}

const equalBytes = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);
