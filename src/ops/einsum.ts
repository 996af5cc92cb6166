/** `einsum`, by pairwise contraction through batched matrix products; `tensordot`. */
import { check } from "../core/errors.ts";
import { product, wrapDim } from "../core/layout.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { Dims, Op, OpInfo } from "./call.ts";
import { composite, fn } from "./define.ts";

/** `einsum(equation, ...operands)`, the operands also as one list. */
export interface Einsum {
  (equation: string, ...operands: Tensor[]): Tensor;
  (equation: string, operands: readonly Tensor[]): Tensor;
  readonly op: OpInfo;
}

/** A label per dim; "0", "1", … stand for the dims of an ellipsis. */
type Labels = string[];

interface Term {
  readonly tensor: Tensor;
  readonly labels: Labels;
}

/**
 * Sums of products over labelled dims, in Einstein's notation. Operands follow one by one or as a list.
 * @throws RuntimeError where sizes of one label differ, or the equation is malformed.
 * @example torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 4)).shape // torch.Size([2, 4])
 * @example torch.einsum("ii", torch.eye(3)) // tensor(3.)
 */
export const einsum: Einsum = fn<Einsum>({ name: "einsum", params: "equation:str ...operands:any" }, (v) => {
  const given = v.operands as Tensor | Tensor[];
  const operands = isTensor(given) ? [given] : given;
  check(operands?.length > 0, () => "einsum(): must provide at least one operand");
  for (const x of operands) if (!isTensor(x)) throw new TypeError("einsum(): operands must be Tensors");
  const { inputs, output, rank } = parse(v.equation as string, operands);
  const terms = operands.map((tensor, i) => diagonals({ tensor, labels: inputs[i]! }));
  checkSizes(terms);
  return contract(terms, output ?? implicitOutput(inputs, rank));
});

function parse(
  equation: string,
  operands: readonly Tensor[],
): { inputs: Labels[]; output: Labels | null; rank: number } {
  const arrow = equation.indexOf("->");
  const left = arrow < 0 ? equation : equation.slice(0, arrow);
  const parts = left.split(",");
  check(parts.length >= operands.length, () => "einsum(): more operands were provided than specified in the equation");
  check(parts.length <= operands.length, () => "einsum(): fewer operands were provided than specified in the equation");
  let start = 0;
  const raw = parts.map((part) => {
    const labels = scan(part, start, "equation string");
    start += part.length + 1;
    return labels;
  });
  const ranks = raw.map((labels, i) => ellipsisRank(labels, operands[i]!, i));
  const rank = Math.max(0, ...ranks.filter((r) => r !== null));
  const inputs = raw.map((labels, i) => spell(labels, ranks[i] ?? 0, rank));
  if (arrow < 0) return { inputs, output: null, rank };
  const out = scan(equation.slice(arrow + 2), arrow + 2, "output");
  checkOutput(out, inputs);
  return { inputs, output: spell(out, rank, rank), rank };
}

function scan(text: string, offset: number, where: string): Labels {
  const labels: Labels = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === " ") continue;
    if (c === ".") {
      check(
        text.startsWith("...", i) && !labels.includes("..."),
        () => `einsum(): found '.' in the ${where} that is not part of any ellipsis`,
      );
      labels.push("...");
      i += 2;
      continue;
    }
    check(
      /[a-zA-Z]/.test(c),
      () =>
        `einsum(): invalid subscript given at index ${offset + i} in the equation string, subscripts must be in [a-zA-Z]`,
    );
    labels.push(c);
  }
  return labels;
}

function ellipsisRank(labels: Labels, operand: Tensor, i: number): number | null {
  const named = labels.filter((l) => l !== "...").length;
  const has = labels.includes("...");
  check(
    has ? named <= operand.dim() : named === operand.dim(),
    () =>
      `einsum(): the number of subscripts in the equation (${named}) ` +
      `${has ? "is more than the number of dimensions" : "does not match the number of dimensions"} (${operand.dim()}) ` +
      `for operand ${i}${has ? "" : " and no ellipsis was given"}`,
  );
  return has ? operand.dim() - named : null;
}

/** Writes an ellipsis out: its dims are numbered from the last one. */
function spell(labels: Labels, own: number, rank: number): Labels {
  return labels.flatMap((l) => (l === "..." ? Array.from({ length: own }, (_, i) => String(rank - own + i)) : [l]));
}

function checkOutput(out: Labels, inputs: readonly Labels[]): void {
  out.forEach((label, i) => {
    if (label === "...") return;
    check(out.indexOf(label) === i, () => `einsum(): output subscript ${label} appears more than once in the output`);
    check(
      inputs.some((labels) => labels.includes(label)),
      () => `einsum(): output subscript ${label} does not appear in the equation for any input operand`,
    );
  });
}

/** Without an arrow: the ellipsis, then the labels that occur once, capitals first. */
function implicitOutput(inputs: readonly Labels[], rank: number): Labels {
  const count = new Map<string, number>();
  for (const label of inputs.flat()) count.set(label, (count.get(label) ?? 0) + 1);
  const once = [...count].filter(([l, n]) => n === 1 && /[a-zA-Z]/.test(l)).map(([l]) => l);
  return [...Array.from({ length: rank }, (_, i) => String(i)), ...once.sort()];
}

/** Repeated labels within an operand become its diagonal. */
function diagonals(term: Term): Term {
  let { tensor } = term;
  const labels = [...term.labels];
  for (let i = 0; i < labels.length; i++) {
    const j = labels.indexOf(labels[i]!, i + 1);
    if (j < 0) continue;
    const label = labels[i]!;
    check(
      tensor.shape[i] === tensor.shape[j],
      () =>
        `einsum(): subscript ${label} is repeated for operand but the sizes don't match, ${tensor.shape[j]} != ${tensor.shape[i]}`,
    );
    tensor = tensor.diagonal(0, i, j).movedim(-1, i);
    labels.splice(j, 1);
    i--;
  }
  return { tensor, labels };
}

function checkSizes(terms: readonly Term[]): void {
  const sizes = new Map<string, number>();
  terms.forEach(({ tensor, labels }, op) => {
    labels.forEach((label, d) => {
      const n = tensor.shape[d]!;
      const seen = sizes.get(label) ?? 1;
      check(
        n === seen || n === 1 || seen === 1,
        () =>
          `einsum(): subscript ${/\d/.test(label) ? "..." : label} has size ${n} for operand ${op} which does not ` +
          `broadcast with previously seen size ${seen}`,
      );
      sizes.set(label, Math.max(n === 1 ? seen : n, n === 0 ? 0 : 1));
      if (n === 0) sizes.set(label, 0);
    });
  });
}

function contract(terms: readonly Term[], output: Labels): Tensor {
  let current = terms[0]!;
  for (let i = 1; i < terms.length; i++) {
    const later = new Set([...output, ...terms.slice(i + 1).flatMap((t) => t.labels)]);
    current = pair(
      sumOut(current, new Set([...later, ...terms[i]!.labels])),
      sumOut(terms[i]!, new Set([...later, ...current.labels])),
      later,
    );
  }
  const rest = sumOut(current, new Set(output));
  return arrange(rest, output);
}

/** Sums the dims whose labels nobody needs. */
function sumOut(term: Term, needed: ReadonlySet<string>): Term {
  const dims = term.labels.flatMap((l, d) => (needed.has(l) ? [] : [d]));
  if (dims.length === 0) return term;
  return { tensor: term.tensor.sum(dims), labels: term.labels.filter((l) => needed.has(l)) };
}

/** The dims in the order of these labels; missing ones have size 1. */
function arrange(term: Term, labels: readonly string[]): Tensor {
  const have = labels.filter((l) => term.labels.includes(l));
  const order = have.map((l) => term.labels.indexOf(l));
  const sorted = order.every((d, i) => d === i) ? term.tensor : term.tensor.permute(order);
  return labels.reduce((t, l, i) => (term.labels.includes(l) ? t : t.unsqueeze(i)), sorted);
}

/** Contracts two operands: labels of both that nobody needs later are summed by a batched product. */
function pair(a: Term, b: Term, later: ReadonlySet<string>): Term {
  const size = (t: Term, l: string): number => t.tensor.shape[t.labels.indexOf(l)] ?? 1;
  const shared = a.labels.filter((l) => b.labels.includes(l));
  // A summed label of size 1 on one side only is summed on the other first.
  const stretched = shared.filter((l) => !later.has(l) && size(a, l) !== size(b, l));
  if (stretched.length > 0) return pair(collapse(a, stretched), collapse(b, stretched), later);
  const batch = shared.filter((l) => later.has(l));
  const summed = shared.filter((l) => !later.has(l));
  const left = a.labels.filter((l) => !b.labels.includes(l));
  const right = b.labels.filter((l) => !a.labels.includes(l));
  const batchSizes = batch.map(
    (l) => Math.max(size(a, l), size(b, l)) * (size(a, l) === 0 || size(b, l) === 0 ? 0 : 1),
  );
  const leftSizes = left.map((l) => size(a, l));
  const rightSizes = right.map((l) => size(b, l));
  const sumSizes = summed.map((l) => size(a, l));
  const [n, m, k, r] = [product(batchSizes), product(leftSizes), product(sumSizes), product(rightSizes)];
  const x = arrange(a, [...batch, ...left, ...summed]).expand([...batchSizes, ...leftSizes, ...sumSizes]);
  const y = arrange(b, [...batch, ...summed, ...right]).expand([...batchSizes, ...sumSizes, ...rightSizes]);
  const out = x.reshape(n, m, k).bmm(y.reshape(n, k, r));
  return { tensor: out.view([...batchSizes, ...leftSizes, ...rightSizes]), labels: [...batch, ...left, ...right] };
}

function collapse(term: Term, labels: readonly string[]): Term {
  const dims = labels.map((l) => term.labels.indexOf(l));
  return { tensor: term.tensor.sum(dims), labels: term.labels.filter((l) => !labels.includes(l)) };
}

/**
 * Contracts dims of two tensors: the last of one with the first of the other, or those given.
 * @example torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape // torch.Size([2, 4])
 */
export const tensordot: Op<[other: Tensor, dims?: number | readonly [Dims, Dims]], "other dims"> = composite(
  { name: "tensordot", params: "other:tensor dims:any=2", receiver: null },
  (self, v) => {
    const other = v.other as Tensor;
    const [da, db] = contractedDims(self, other, v.dims);
    check(da.length === db.length, () => "both dimension lists should have same length");
    da.forEach((d, i) => {
      check(
        self.shape[d] === other.shape[db[i]!] || self.shape[d] === 1 || other.shape[db[i]!] === 1,
        () =>
          `contracted dimensions need to match, but first has size ${self.shape[d]} in dim ${d} and second has size ` +
          `${other.shape[db[i]!]} in dim ${db[i]}`,
      );
    });
    const keepA = self.shape.map((_, d) => d).filter((d) => !da.includes(d));
    const keepB = other.shape.map((_, d) => d).filter((d) => !db.includes(d));
    const stretched = (d: number, i: number): boolean => self.shape[d] !== other.shape[db[i]!];
    if (da.some(stretched)) return stretchedDot(self, other, da, db);
    const k = product(da.map((d) => self.shape[d]!));
    const x = self.permute([...keepA, ...da]).reshape(-1, k === 0 ? 0 : k);
    const y = other.permute([...db, ...keepB]).reshape(k, product(keepB.map((d) => other.shape[d]!)));
    return x.mm(y).reshape([...keepA.map((d) => self.shape[d]!), ...keepB.map((d) => other.shape[d]!)]);
  },
);

/** Where a contracted dim has size 1 on one side, the other side is summed over it first. */
function stretchedDot(a: Tensor, b: Tensor, da: readonly number[], db: readonly number[]): Tensor {
  const odd = da.map((d, i) => a.shape[d] !== b.shape[db[i]!]);
  const x = a.sum(
    da.filter((_, i) => odd[i]),
    true,
  );
  const y = b.sum(
    db.filter((_, i) => odd[i]),
    true,
  );
  return tensordot(x, y, [da, db]);
}

function contractedDims(a: Tensor, b: Tensor, dims: unknown): [number[], number[]] {
  if (typeof dims === "number") {
    check(dims >= 0, () => `tensordot expects dims >= 0, but got dims=${dims}`);
    check(dims <= a.dim() && dims <= b.dim(), () => `tensordot: dims ${dims} is more than the operands have`);
    return [Array.from({ length: dims }, (_, i) => a.dim() - dims + i), Array.from({ length: dims }, (_, i) => i)];
  }
  if (!Array.isArray(dims) || dims.length !== 2) {
    throw new TypeError(`tensordot expects dims to be int or two lists of ints, not ${typeof dims}`);
  }
  const asList = (d: unknown, rank: number): number[] =>
    (Array.isArray(d) ? d : [d]).map((x) => wrapDim(x as number, rank));
  return [asList(dims[0], a.dim()), asList(dims[1], b.dim())];
}
