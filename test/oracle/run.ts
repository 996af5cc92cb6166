/** Replays the samples of an operator and counts what agrees. */
import { calledBy, exists, type Form, formsOf, type Made, make, methodName, positional } from "./call.ts";
import { type Context, compare, type Mismatch } from "./compare.ts";
import { Decoder, hasComplex, hasIntegralFloat } from "./decode.ts";
import { call, callMethod, lookup, property, type Tensor } from "./face.ts";
import { type Call, type ErrorSample, inputsOf, type OpEntry, readErrors, readSamples, type Sample } from "./format.ts";
import { isFactorisation, isMultisetEqual } from "./gauge.ts";
import { compareGradients, messageOf } from "./grads.ts";
import { indexTest } from "./indices.ts";
import { replayModule } from "./modules.ts";

/** A sample that does not agree: `sample` is its number, or `error n` for a call that must throw. */
export interface Failure {
  readonly sample: string;
  readonly form: Form;
  readonly mismatches: readonly Mismatch[];
}

/** What became of the samples of one operator. */
export interface OpResult {
  readonly op: string;
  readonly path: string;
  /** What was called, in PyTorch's spelling: the path, or what stands for a Python operator. */
  readonly called: string;
  readonly missing: boolean;
  readonly total: number;
  readonly passed: readonly string[];
  /** Mismatches at discontinuities: reported only. */
  readonly soft: readonly Failure[];
  readonly failures: readonly Failure[];
  readonly skipped: ReadonlyMap<string, number>;
  readonly milliseconds: number;
}

/** Why a sample cannot be expressed in this library. */
export const inexpressible = "inexpressible: integral float scalar";

let errorSamples: Map<string, ErrorSample[]> | undefined;

/** Replays every sample of an operator, and its calls that must throw. */
export function runOp(entry: OpEntry): OpResult {
  const started = performance.now();
  const samples = readSamples(entry);
  errorSamples ??= readErrors();
  const errors = errorSamples.get(entry.op) ?? [];
  const total = samples.length + errors.length;
  const tally = new Tally();
  const lambda = entry.kind === "lambda";
  const missing = !lambda && !exists(entry);
  if (lambda) tally.skip("no public path", total);
  else if (!missing) {
    for (const sample of samples) replay(entry, sample, tally);
    for (const sample of errors) replayError(entry, sample, tally);
  }
  const { passed, soft, failures, skipped } = tally;
  const milliseconds = performance.now() - started;
  const called = calledBy(entry);
  return { op: entry.op, path: entry.path, called, missing, total, passed, soft, failures, skipped, milliseconds };
}

class Tally {
  readonly passed: string[] = [];
  readonly soft: Failure[] = [];
  readonly failures: Failure[] = [];
  readonly skipped: Map<string, number> = new Map();

  skip(reason: string, count = 1): void {
    this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + count);
  }
}

function skipReason(sample: Call & { readonly complex?: boolean }): string | undefined {
  const complex = sample.complex || inputsOf(sample).some(hasComplex);
  return complex && lookup("complex64") === undefined ? "complex" : undefined;
}

function replay(entry: OpEntry, sample: Sample, tally: Tally): void {
  const reason = skipReason(sample);
  const failure = reason === undefined ? firstFailure(entry, sample) : undefined;
  if (reason !== undefined) tally.skip(reason);
  else if (failure === undefined) tally.passed.push(String(sample.i));
  else if (failure.mismatches.every(({ soft }) => soft)) tally.soft.push(failure);
  else if (isInexpressible(sample, failure.mismatches)) tally.skip(inexpressible);
  else tally.failures.push(failure);
}

function firstFailure(entry: OpEntry, sample: Sample): Failure | undefined {
  for (const form of formsOf(entry, sample)) {
    const mismatches = attempt(entry, sample, form);
    if (mismatches.length > 0) return { sample: String(sample.i), form, mismatches };
  }
  return undefined;
}

/** Only a dtype of a lower category than recorded, in a call that was given an integral Python float. */
function isInexpressible(sample: Sample, mismatches: readonly Mismatch[]): boolean {
  return mismatches.every(({ kind }) => kind === "category") && inputsOf(sample).some(hasIntegralFloat);
}

function attempt(entry: OpEntry, sample: Sample, form: Form): Mismatch[] {
  try {
    if (entry.kind === "module") return replayModule(sample);
    return examine(entry, sample, form, make(entry, sample, form));
  } catch (error) {
    const what = messageOf(error);
    return [{ kind: what.includes("not implemented: method") ? "missing" : "throws", where: "call", what }];
  }
}

function examine(entry: OpEntry, sample: Sample, form: Form, made: Made): Mismatch[] {
  const { result, decoder, receiver } = made;
  if (receiver !== undefined && result !== receiver) {
    return [{ kind: "alias", where: "out", what: "the in-place method does not return its receiver" }];
  }
  const index = entry.compare === "indices" ? indexTest(sample) : undefined;
  let ties = 0;
  const sameIndex: Context["sameIndex"] = (got, want, position, where) => {
    const same = index?.(got, want, position, where) ?? false;
    if (same) ties++;
    return same;
  };
  const context: Context = { ...sample, inputs: form === "inplace" ? undefined : decoder.inputs, sameIndex };
  const outputs = compare(sample.out, result, context);
  if (outputs.length > 0 && !isEquivalent(entry, sample, result, outputs)) return outputs;
  const written = form === "inplace" ? [] : compareInputs(sample, decoder);
  const elementwise = outputs.length === 0 && ties === 0;
  const gradients = made.differentiable && (elementwise || isGaugeFree(entry, sample));
  return [...written, ...(gradients ? compareGradients(sample, result, decoder) : [])];
}

function isEquivalent(entry: OpEntry, sample: Sample, result: unknown, outputs: readonly Mismatch[]): boolean {
  if (!outputs.every(({ kind }) => kind === "value")) return false;
  if (entry.compare === "eigvals") return isMultisetEqual(sample, result);
  return isFactorisation(entry.compare, sample, result);
}

/** Whether gradients do not depend on which of the equivalent results was found. */
function isGaugeFree({ compare: kind }: OpEntry, { cot = [] }: Sample): boolean {
  return kind === "eigvals" || (kind !== "indices" && cot.includes(null));
}

/** Inputs that must have changed, and those that must not. */
function compareInputs(sample: Sample, decoder: Decoder): Mismatch[] {
  const mutated = new Map((sample.mutated ?? []).map(({ id, v }) => [id, v]));
  return [...decoder.inputs].flatMap(([id, input]) => {
    const want = mutated.get(id);
    if (want !== undefined) return compare(want, input, sample, `input ${id} after the call`);
    return isWritten(input) ? compareUnchanged(sample, id, input) : [];
  });
}

function isWritten(input: Tensor): boolean {
  return property(input, "_version") !== 0;
}

function compareUnchanged(sample: Sample, id: number, input: Tensor): Mismatch[] {
  const fresh = new Decoder({ grad: false });
  positional(sample, fresh);
  if (callMethod(fresh.input(id), "equal", [callMethod(input, "detach", [])]) === true) return [];
  return [{ kind: "alias", where: `input ${id}`, what: "was written to" }];
}

/** JavaScript's own complaints: a call that dies of one has not refused anything. */
const crash =
  /not implemented:|cannot read prop|is not a function|is not iterable|is not defined|call stack|undefined or null/i;

function replayError(entry: OpEntry, sample: ErrorSample, tally: Tally): void {
  const reason = skipReason(sample);
  const id = `error ${sample.i}`;
  const wrong = reason === undefined ? refusal(entry, sample) : undefined;
  if (reason !== undefined) tally.skip(reason);
  else if (wrong === undefined) tally.passed.push(id);
  else {
    const what = `${wrong}; PyTorch raises ${sample.error}: ${sample.message.slice(0, 120)}`;
    tally.failures.push({ sample: id, form: "primary", mismatches: [{ kind: "throws", where: "call", what }] });
  }
}

function refusal(entry: OpEntry, sample: ErrorSample): string | undefined {
  let args: unknown[];
  try {
    args = positional(sample, new Decoder());
  } catch (error) {
    return `the arguments cannot be made: ${messageOf(error)}`;
  }
  try {
    if (entry.kind === "method") callMethod(args[0], methodName(sample.path), args.slice(1));
    else call(sample.path, args);
  } catch (error) {
    const message = messageOf(error);
    return crash.test(message) ? `crashes with ${message}` : undefined;
  }
  return "passes";
}
