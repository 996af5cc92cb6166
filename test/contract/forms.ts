/** The forms of one call agree: as a function, as a method, by names, as values on the meta device. */
import { parseAny, type Signature, signature } from "../../src/core/params.ts";
import { isTensor, type Tensor } from "../../src/core/tensor.ts";
import { on, shipped } from "./backends.ts";
import type { Entry } from "./catalogue.ts";
import { difference, isPlain, type Leaf, leaf, tensorsOf } from "./compare.ts";
import { Maker } from "./maker.ts";
import { type Outcome, outcome } from "./outcome.ts";
import { samplesOf, type Table } from "./samples.ts";

const exactly = { factor: 0, toLargest: false };

/** A call in another form; null where the sample has none. */
type Form = (entry: Entry, args: readonly unknown[]) => (() => unknown) | null;

/** As a method of the receiver. */
export const asMethod: Form = ({ name, op, method: has }, args) => {
  const self = args[op.receiver ?? 0];
  if (!has || !isTensor(self)) return null;
  const method = Reflect.get(self, name) as (...rest: unknown[]) => unknown;
  return () => method.call(self, ...args.filter((_, i) => i !== op.receiver));
};

/** With all but the first tensor in one options object. */
export const byNames: Form = ({ name, op, call }, args) => {
  // A function's first tensor is one of its parameters, except where it could have been a method.
  const all = op.receiver === null ? fitting(name, op.params, args) : null;
  const sig = all ?? (isTensor(args[0]) ? fitting(name, op.params, args.slice(1)) : null);
  if (sig === null) return null;
  const [self, rest] = all === null ? [args.slice(0, 1), args.slice(1)] : [[], args];
  const given = isPlain(rest.at(-1)) ? rest.slice(0, -1) : rest;
  const named = isPlain(rest.at(-1)) ? (rest.at(-1) as object) : {};
  const skip = all !== null && isTensor(args[0]) ? 1 : 0;
  if (given.length <= skip || sig.params.some((p, i) => p.variadic && i < skip)) return null;
  const options = Object.fromEntries(given.flatMap((value, i) => pair(sig, given, value, i, skip)));
  return () => call(...self, ...given.slice(0, skip), { ...named, ...options });
};

function pair(sig: Signature, given: readonly unknown[], value: unknown, i: number, skip: number): [string, unknown][] {
  if (i < skip || value === undefined) return [];
  const variadic = sig.params.findIndex((p) => p.variadic);
  if (variadic >= 0 && i > variadic) return [];
  const param = sig.params[i]!;
  const rest = given.slice(i);
  return [[param.name, i === variadic && rest.length > 1 ? rest : value]];
}

function fitting(name: string, params: readonly string[], args: readonly unknown[]): Signature | null {
  const all = params.map(signature);
  try {
    return all[parseAny(name, all, args).which]!;
  } catch {
    return null;
  }
}

/** What differs between the plain call and another form of it. */
export function formProblems(entry: Entry, table: Table, form: Form): string[] {
  return on(shipped, () =>
    (["float32", "int64", "bool"] as const).flatMap((dtype) => {
      const maker = (): Maker => new Maker({ dtype, layout: "contiguous", repeat: false });
      const plain = samplesOf(entry, table, maker());
      const again = samplesOf(entry, table, maker());
      return plain.flatMap(({ args }, i) => {
        const want = outcome(() => entry.call(...args));
        const call = want.error === null ? form(entry, again[i]!.args) : null;
        const text = call === null ? null : unlike(want, outcome(call));
        return text === null ? [] : [`${entry.label} sample ${i}, ${dtype}: ${text}`];
      });
    }),
  );
}

function unlike(want: Outcome, got: Outcome): string | null {
  if (got.error !== null) return `throws ${got.error}`;
  return difference(want.leaves, got.leaves, exactly);
}

/** What differs in shape or dtype when the operands have no data. */
export function metaProblems(entry: Entry, table: Table): string[] {
  return on(shipped, () =>
    (["float32", "int64"] as const).flatMap((dtype) => {
      const maker = new Maker({ dtype, layout: "contiguous", repeat: false });
      return samplesOf(entry, table, maker).flatMap(({ args, needsData }, i) => {
        const want = outcome(() => entry.call(...args));
        if (want.error !== null || needsData) return [];
        const bodiless = withoutData(entry, args);
        if (bodiless === null) return [];
        const text = shapeless(
          want,
          outcome(() => entry.call(...bodiless)),
        );
        return text === null ? [] : [`${entry.label} sample ${i}, ${dtype}: ${text}`];
      });
    }),
  );
}

function shapeless(want: Outcome, got: Outcome): string | null {
  if (got.error !== null) return `throws ${got.error}`;
  const there = tensorsOf(got.result);
  if (there.some((t) => t.device.type !== "meta")) return "gives data for operands without";
  return difference(tensorsOf(want.result).map(bare), there.map(bare), exactly);
}

/** The arguments with tensors on the meta device, or with that device where there are no tensors. */
function withoutData({ op }: Entry, args: readonly unknown[]): unknown[] | null {
  if (args.some((arg) => tensorsOf(arg).length > 0)) return args.map(toMeta);
  if (!op.params.some((text) => text.includes(" device:device"))) return null;
  const last = args.at(-1);
  return isPlain(last) ? [...args.slice(0, -1), { ...last, device: "meta" }] : [...args, { device: "meta" }];
}

const bare = (t: Tensor): Leaf => ({ ...leaf(t), values: [] });

function toMeta(value: unknown): unknown {
  if (isTensor(value)) return value.to("meta");
  if (Array.isArray(value)) return value.map(toMeta);
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toMeta(v)]));
  return value;
}
