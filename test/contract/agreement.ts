/** Every dtype, layout and backend gives what the truth gives; nobody writes where he should not. */
import { type DTypeName, dtypeList } from "../../src/core/dtype.ts";
import { type Backend, backends, on, truth } from "./backends.ts";
import { type Entry, mutates } from "./catalogue.ts";
import { type Closeness, difference } from "./compare.ts";
import { closenessOf, memoryOf, needsStrides, readsStorage } from "./exceptions.ts";
import type { LayoutName } from "./layouts.ts";
import { Maker, type Setting } from "./maker.ts";
import { bytesOf, changed, type Outcome, outcome, sharing } from "./outcome.ts";
import { samplesOf, type Table } from "./samples.ts";

/** An outcome with what is wrong about it whatever the truth. */
interface Observed extends Outcome {
  readonly faults: readonly string[];
}

const dtypes: readonly DTypeName[] = dtypeList.filter((d) => !d.isComplex).map((d) => d.name);

/** Everything that differs, as sentences. */
export function disagreements(entry: Entry, table: Table): string[] {
  return dtypes.flatMap((dtype) => [
    ...against(entry, table, dtype, false, ["contiguous", "transposed", "offset"]),
    ...(mutates(entry) ? [] : against(entry, table, dtype, true, ["expanded"])),
  ]);
}

/** What differs on another machine: with threads, without instructions, with a library. */
export function variations(entry: Entry, table: Table, backend: Backend): string[] {
  return (["float32", "float64", "int64"] as const).flatMap((dtype) => {
    const setting: Setting = { dtype, layout: "contiguous", repeat: false };
    const want = on(truth, () => observe(entry, table, setting));
    const got = on(backend, () => observe(entry, table, setting));
    return got.flatMap((g, i) => {
      const faults = [...g.faults, ...compared(want[i]!, g, closenessOf(entry), needsStrides.has(entry.label))];
      return report(entry, dtype, "contiguous", backend.name, i, faults);
    });
  });
}

/** Samples of the table that throw for every dtype, and so check nothing; -1 where all the declared ones do. */
export function idleSamples(entry: Entry, table: Table): number[] {
  const settings = (["float32", "int64", "bool"] as const).map(
    (dtype): Setting => ({ dtype, layout: "contiguous", repeat: false }),
  );
  const outcomes = settings.map((setting) => observe(entry, table, setting));
  const samples = samplesOf(entry, table, new Maker(settings[0]!));
  const idle = samples.flatMap((_, i) => (outcomes.every((o) => o[i]!.error !== null) ? [i] : []));
  const own = idle.filter((i) => !samples[i]!.declared);
  return idle.length === samples.length ? [-1, ...own] : own;
}

function against(
  entry: Entry,
  table: Table,
  dtype: DTypeName,
  repeat: boolean,
  layouts: readonly LayoutName[],
): string[] {
  const closeness = closenessOf(entry);
  const strided = needsStrides.has(entry.label);
  const want = on(truth, () => observe(entry, table, { dtype, layout: "contiguous", repeat }));
  const problems = want.flatMap((w, i) => report(entry, dtype, "contiguous", truth.name, i, w.faults));
  for (const backend of backends) {
    for (const layout of layouts) {
      if (layout === "contiguous" ? backend === truth : readsStorage.has(entry.label)) continue;
      const got = on(backend, () => observe(entry, table, { dtype, layout, repeat }));
      got.forEach((g, i) => {
        problems.push(
          ...report(entry, dtype, layout, backend.name, i, [...g.faults, ...compared(want[i]!, g, closeness, strided)]),
        );
      });
    }
  }
  return problems;
}

function report(
  { label }: Entry,
  dtype: string,
  layout: string,
  backend: string,
  i: number,
  faults: readonly string[],
): string[] {
  return faults.map((fault) => `${label} sample ${i}, ${dtype}, ${layout}, ${backend}: ${fault}`);
}

function compared(want: Outcome, got: Outcome, closeness: Closeness, strided: boolean): string[] {
  if (want.error !== null || got.error !== null) {
    if (want.error === got.error || (strided && /stride|storage_offset/.test(got.error ?? ""))) return [];
    return [`${want.error ?? "a result"} expected, got ${got.error ?? "a result"}`];
  }
  const text = difference(want.leaves, got.leaves, closeness);
  return text === null ? [] : [text];
}

function observe(entry: Entry, table: Table, setting: Setting): Observed[] {
  const maker = new Maker(setting);
  return samplesOf(entry, table, maker).map(({ args }) => {
    const before = bytesOf(maker.made);
    const result = outcome(() => entry.call(...args));
    const faults: string[] = [];
    if (result.crashed) faults.push(`crashes: ${result.error}`);
    if (!mutates(entry) && changed(maker.made, before).length > 0) faults.push("writes to an operand");
    if (result.error === null) faults.push(...misplaced(entry, result.result, maker));
    return { ...result, faults };
  });
}

function misplaced(entry: Entry, result: unknown, maker: Maker): string[] {
  const { shared, fresh } = sharing(result, maker.made);
  const rule = memoryOf(entry);
  if (rule === "view" && fresh > 0) return ["is a view, but its result has memory of its own"];
  if (rule === "fresh" && shared > 0) return ["is no view, but its result shares an operand's memory"];
  return [];
}
