/** Every operator is under contract, in one family; nothing in the tables is stale; the face offers what is declared. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";
import { arity, catalogue, mutates } from "./catalogue.ts";
import * as exceptions from "./exceptions.ts";
import { activations } from "./samples/activations.ts";
import { creation, draws, random } from "./samples/creation.ts";
import { reshaping, uninitialised } from "./samples/elsewhere.ts";
import { indexing } from "./samples/indexing.ts";
import { matrices } from "./samples/matrices.ts";
import { pointwise } from "./samples/pointwise.ts";
import { reductions } from "./samples/reductions.ts";
import { views } from "./samples/views.ts";
import { windows } from "./samples/windows.ts";

const tables = [activations, creation, draws, random, indexing, matrices, pointwise, reductions, views, windows];
const labels = catalogue.map((entry) => entry.label);
const sampled = [...tables.flatMap((table) => Object.keys(table)), ...uninitialised, ...reshaping];

test("every operator has contract samples", () => {
  const known = new Set(sampled);
  const without = catalogue.filter((entry) => arity(entry) === 0 && !known.has(entry.label));
  expect(without.map(({ label }) => `${label} has no contract samples`)).toEqual([]);
});

test("no operator is in two families", () => {
  expect(sampled.filter((label, i) => sampled.indexOf(label) !== i)).toEqual([]);
});

test("every label of a table names an operator", () => {
  expect(sampled.filter((label) => !labels.includes(label))).toEqual([]);
});

const lists = Object.entries(exceptions).filter(
  (pair): pair is [string, ReadonlyMap<string, string>] => pair[1] instanceof Map,
);

test.each(lists)("every label of the exceptions %s names an operator", (_, list) => {
  expect([...list.keys()].filter((label) => !labels.includes(label))).toEqual([]);
});

const namespaces: Readonly<Record<string, object>> = {
  "": torch,
  nn: torch.nn.functional,
  special: torch.special,
  linalg: torch.linalg,
};

test("every function is on the face under its name", () => {
  const hidden = catalogue.filter(({ label, name, op }) => {
    const prefix = label.includes(".") ? label.slice(0, label.indexOf(".")) : "";
    return op.isFunction && !mutates({ name }) && !(name in namespaces[prefix]!);
  });
  expect(hidden.map(({ label }) => label)).toEqual([]);
});

test("every method is on tensors, with its in-place form", () => {
  const names = catalogue
    .filter(({ method }) => method)
    .flatMap(({ name, inplace }) => (inplace ? [name, `${name}_`] : [name]));
  expect(names.filter((name) => !(name in torch.Tensor.prototype))).toEqual([]);
});
