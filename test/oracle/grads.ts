/** Gradients of a result against the recorded ones, through `torch.autograd.grad`. */
import { type Context, compare, type Mismatch } from "./compare.ts";
import { contiguous, type Decoder } from "./decode.ts";
import { call, describe, elements, type Tensor, tensorLeaves } from "./face.ts";
import type { Sample, TensorRecord } from "./format.ts";

/** A tensor to differentiate by, its name in messages, and the gradient PyTorch found (null: not connected). */
interface Wanted {
  readonly name: string;
  readonly input: Tensor;
  readonly gradient: TensorRecord | null;
}

/** The differences between the gradients of a result and the recorded ones. */
export function compareGradients(
  sample: Sample,
  result: unknown,
  decoder: Decoder,
  parameters: ReadonlyMap<string, Tensor> = new Map(),
): Mismatch[] {
  const wanted = wantedOf(sample, decoder, parameters);
  const leaves = tensorLeaves(result);
  const used = (sample.cot ?? []).flatMap((cot, j) => (cot === null ? [] : [{ leaf: leaves[j], cot }]));
  if (wanted.length === 0 || used.length === 0) return [];
  const got = gradientsOf(
    used.map(({ leaf }) => leaf),
    wanted.map(({ input }) => input),
    used.map(({ cot }) => contiguous(cot)),
  );
  if (!Array.isArray(got)) return [got];
  const context: Context = { ...sample, err: sample.gerr };
  return wanted.flatMap(({ name, gradient }, k) => compareOne(name, gradient, got[k], context));
}

function wantedOf(sample: Sample, decoder: Decoder, parameters: ReadonlyMap<string, Tensor>): Wanted[] {
  const inputs = (sample.grads ?? []).map(({ id, v }) => ({
    name: `grad of input ${id}`,
    input: decoder.input(id),
    gradient: v,
  }));
  const owned = Object.entries(sample.pgrads ?? {}).flatMap(([name, gradient]) => {
    const input = parameters.get(name);
    return input === undefined ? [] : [{ name: `grad of ${name}`, input, gradient }];
  });
  return [...inputs, ...owned];
}

function gradientsOf(leaves: readonly unknown[], inputs: readonly Tensor[], cots: readonly Tensor[]) {
  try {
    return elements(call("autograd.grad", [leaves, inputs, cots, { allowUnused: true }])) ?? [];
  } catch (error) {
    return { kind: "throws", where: "grad", what: messageOf(error) } satisfies Mismatch;
  }
}

function compareOne(name: string, want: TensorRecord | null, got: unknown, context: Context): Mismatch[] {
  if (want === null) {
    if (got === null) return [];
    return [{ kind: "grad", where: name, what: `expected null (not connected), got ${describe(got)}` }];
  }
  return compare(want, got, context, name).map((mismatch) =>
    mismatch.kind === "value" ? { ...mismatch, kind: "grad" } : mismatch,
  );
}

/** What an error says, with its class. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
