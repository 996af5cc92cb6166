/** Derivatives against differences: of the first order, of the second, and of the in-place forms. */

import type { Tensor } from "../../src/core/tensor.ts";
import * as torch from "../../src/index.ts";
import { on, shipped } from "./backends.ts";
import type { Entry } from "./catalogue.ts";
import { leaf, tensorsOf } from "./compare.ts";
import { needsStrides, readsStorage } from "./exceptions.ts";
import { type LayoutName, write } from "./layouts.ts";
import { Maker, sequence } from "./maker.ts";
import { type Sample, samplesOf, type Table } from "./samples.ts";
import { receiverOf, writeInto } from "./writing.ts";

const step = 1e-6;
const layouts: readonly LayoutName[] = ["contiguous", "transposed"];

/** A sample whose float64 tensors require grad. */
interface Case {
  readonly sample: Sample;
  readonly where: string;
  readonly leaves: readonly Tensor[];
  readonly call: () => Tensor[];
}

/** The differentiable results of a call, complex ones as their parts. */
function floats(value: unknown): Tensor[] {
  return tensorsOf(value)
    .filter((t) => t.requiresGrad)
    .map((t) => (t.dtype.isComplex ? torch.viewAsReal(t.resolveConj()) : t));
}

function cases(entry: Entry, table: Table, layout: LayoutName): Case[] {
  const count = samplesOf(entry, table, new Maker({ dtype: "float64", layout, repeat: false })).length;
  return Array.from({ length: count }, (_, i): Case => {
    const maker = new Maker({ dtype: "float64", layout, repeat: false });
    const sample = samplesOf(entry, table, maker)[i]!;
    const leaves = maker.made.filter(
      (t) => t.dtype.name === "float64" && !maker.constants.has(t) && uses(sample.args, t),
    );
    for (const t of leaves) t.requiresGrad = true;
    const call = (): Tensor[] => {
      torch.manualSeed(0);
      return floats(entry.call(...sample.args));
    };
    return { sample, where: `${entry.label} sample ${i}, ${layout}`, leaves, call };
  });
}

const uses = (args: readonly unknown[], t: Tensor): boolean => args.flatMap((arg) => tensorsOf(arg)).includes(t);

/** Whether some sample has a differentiable result, and whether some has a float result at all. */
export function differentiability(entry: Entry, table: Table): { differentiable: boolean; floating: boolean } {
  let differentiable = false;
  let floating = false;
  for (const { leaves, sample } of cases(entry, table, "contiguous")) {
    if (leaves.length === 0) continue;
    try {
      const outs = tensorsOf(entry.call(...sample.args));
      differentiable ||= outs.some((t) => t.requiresGrad);
      floating ||= outs.some((t) => t.dtype.isFloatingPoint || t.dtype.isComplex);
    } catch {
      // A sample for other dtypes.
    }
  }
  return { differentiable, floating };
}

/** Whether a sample is there to measure a derivative at. */
export const measured = (entry: Entry, table: Table): boolean =>
  cases(entry, table, "contiguous").some(({ sample, leaves }) => sample.gradient && leaves.some((t) => t.numel() > 0));

/** Every derivative of the first order that differences contradict. */
export function gradientProblems(entry: Entry, table: Table): string[] {
  return each(entry, table, ({ leaves, call }) => {
    const weights = call().map((t, i) => weight(t, i));
    if (weights.length === 0) return null;
    const value = (): Tensor => weigh(call(), weights);
    const grads = torch.autograd.grad(value(), leaves, null, { allowUnused: true });
    return misshapen(leaves, grads) ?? contradiction(leaves, grads, () => Number(value().item()));
  });
}

/** The same of the second order: the derivative of the derivative, also by the gradient that flows in. */
export function secondGradientProblems(entry: Entry, table: Table): string[] {
  return each(entry, table, ({ leaves, call }) => {
    const weights = call().map((t, i) => weight(t, i).requiresGrad_());
    if (weights.length === 0) return null;
    const first = (): (Tensor | null)[] =>
      torch.autograd.grad(weigh(call(), weights), leaves, null, { createGraph: true, allowUnused: true });
    const directions = first().map((g, i) => (g === null ? null : weight(g, i + 7)));
    const value = (): Tensor | null => combine(first(), directions);
    const all = [...leaves, ...weights];
    const scalar = value();
    if (scalar === null || !scalar.requiresGrad) return null;
    const grads = torch.autograd.grad(scalar, all, null, { allowUnused: true });
    return contradiction(all, grads, () => Number(value()!.item()));
  });
}

function each(entry: Entry, table: Table, check: (c: Case) => string | null): string[] {
  return on(shipped, () =>
    layoutsFor(entry).flatMap((layout) =>
      cases(entry, table, layout).flatMap((c) => {
        if (!c.sample.gradient || c.leaves.length === 0) return [];
        const text = attempt(() => check(c));
        return text === null ? [] : [`${c.where}: ${text}`];
      }),
    ),
  );
}

function layoutsFor({ label }: Entry): readonly LayoutName[] {
  return readsStorage.has(label) || needsStrides.has(label) ? ["contiguous"] : layouts;
}

function attempt(check: () => string | null): string | null {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? `throws ${error.name}: ${error.message}` : String(error);
  }
}

/** Fixed weights for one result, so that all its elements count. */
function weight(t: Tensor, seed: number): Tensor {
  const random = sequence(100 + seed);
  const w = torch.zeros([...t.shape], { dtype: t.dtype });
  write(
    w,
    Array.from({ length: t.numel() }, () => 0.5 + random()),
  );
  return w;
}

function weigh(outs: readonly Tensor[], weights: readonly Tensor[]): Tensor {
  return outs.map((t, i) => t.mul(weights[i]!).sum()).reduce((a, b) => a.add(b));
}

function combine(grads: readonly (Tensor | null)[], directions: readonly (Tensor | null)[]): Tensor | null {
  const terms = grads.flatMap((g, i) => (g === null || directions[i] == null ? [] : [g.mul(directions[i]).sum()]));
  return terms.length === 0 ? null : terms.reduce((a, b) => a.add(b));
}

function misshapen(leaves: readonly Tensor[], grads: readonly (Tensor | null)[]): string | null {
  const wrong = grads.findIndex((g, i) => g !== null && String(g.shape) !== String(leaves[i]!.shape));
  return wrong < 0 ? null : `the gradient of operand ${wrong} has shape ${grads[wrong]!.shape}`;
}

/** The first element whose derivative is not the quotient of differences. */
function contradiction(
  leaves: readonly Tensor[],
  grads: readonly (Tensor | null)[],
  value: () => number,
): string | null {
  for (const [n, t] of leaves.entries()) {
    const at = leaf(t).values as number[];
    const analytic =
      grads[n] === null || grads[n] === undefined ? at.map(() => 0) : (leaf(grads[n]).values as number[]);
    for (let i = 0; i < at.length; i++) {
      const numeric = quotient(t, at, i, value);
      if (Math.abs(analytic[i]! - numeric) <= 1e-5 + 1e-5 * Math.abs(numeric)) continue;
      return `operand ${n} at ${i} (${at[i]}): derivative ${analytic[i]}, differences ${numeric}`;
    }
  }
  return null;
}

function quotient(t: Tensor, at: readonly number[], i: number, value: () => number): number {
  write(t, at.with(i, at[i]! + step));
  const above = value();
  write(t, at.with(i, at[i]! - step));
  const below = value();
  write(t, at);
  return (above - below) / (2 * step);
}

/** Where the in-place form's gradients are not those of the out-of-place form. */
export function inplaceGradientProblems(entry: Entry, table: Table): string[] {
  return each(entry, table, ({ sample, leaves, call }) => {
    const self = sample.args[receiverOf(entry)];
    const outs = call();
    const weights = outs.map((t, i) => weight(t, i));
    const changes = outs.length !== 1 || outs[0]!.dtype !== (self as Tensor).dtype;
    if (changes || (entry.op.kind !== "view" && String(outs[0]!.shape) !== String((self as Tensor).shape))) return null;
    const want = torch.autograd.grad(weigh(outs, weights), leaves, null, { allowUnused: true });
    const args = sample.args.with(receiverOf(entry), (self as Tensor).clone());
    const got = torch.autograd.grad(weigh([writeInto(entry, args) as Tensor], weights), leaves, null, {
      allowUnused: true,
    });
    const [a, b] = [want, got].map((grads) => grads.map((g) => (g === null ? "0" : g.tolist().toString())));
    const zeros = (text: string): string => text.replace(/^(0,?)*$/, "0");
    const wrong = a!.findIndex((text, i) => zeros(text) !== zeros(b![i]!));
    return wrong < 0 ? null : `operand ${wrong}: in place ${b![wrong]}, else ${a![wrong]}`;
  });
}
