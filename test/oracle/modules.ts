/** Samples of nn modules: constructed, given their state, called; then their parameters' gradients and their state. */
import { constructModule, positional, stateDict } from "./call.ts";
import { compare, type Mismatch } from "./compare.ts";
import { Decoder } from "./decode.ts";
import { callMethod, elements, isTensor, lookup, type Tensor } from "./face.ts";
import type { Sample } from "./format.ts";
import { compareGradients } from "./grads.ts";
import { category } from "./numbers.ts";

/** The differences between a module's behaviour and its record. */
export function replayModule(sample: Sample): Mismatch[] {
  const decoder = new Decoder();
  const module = build(sample);
  const args = positional(sample, decoder);
  if (typeof module !== "function") throw new Error(`${sample.path} cannot be called`);
  const result: unknown = Reflect.apply(module, undefined, args);
  const context = { ...sample, inputs: decoder.inputs };
  const outputs = compare(sample.out, result, context);
  if (outputs.length > 0) return outputs;
  return [
    ...compareParameters(sample, module),
    ...compareState(sample, module),
    ...compareGradients(sample, result, decoder, namedParameters(module)),
  ];
}

function build(sample: Sample): unknown {
  const { ctor, state = {}, dtype } = sample;
  if (ctor === undefined) throw new Error("the sample has no constructor arguments");
  const module = constructModule(sample.path, ctor, new Decoder());
  // Loading copies into the existing parameters, which would round a float64 state to float32.
  if (dtype !== "float32" && category(dtype) >= 2) callMethod(module, "to", [lookup(dtype)]);
  if (Object.keys(state).length > 0) callMethod(module, "loadStateDict", [stateDict(state)]);
  callMethod(module, "train", [sample.training ?? true]);
  return module;
}

function namedParameters(module: unknown): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  for (const pair of elements(callMethod(module, "namedParameters", [])) ?? []) {
    const [name, parameter] = elements(pair) ?? [];
    if (typeof name === "string" && isTensor(parameter)) found.set(name, parameter);
  }
  return found;
}

function compareParameters({ params = [] }: Sample, module: unknown): Mismatch[] {
  const names = [...namedParameters(module).keys()];
  if (names.join() === params.join()) return [];
  return [{ kind: "kind", where: "parameters", what: `expected [${params}], got [${names}]` }];
}

function compareState(sample: Sample, module: unknown): Mismatch[] {
  const state = callMethod(module, "stateDict", []);
  const names = elements(callMethod(state, "keys", [])) ?? [];
  const expected = Object.keys(sample.state ?? {});
  const order: Mismatch[] =
    names.join() === expected.join()
      ? []
      : [{ kind: "kind", where: "stateDict", what: `expected [${expected}], got [${names}]` }];
  const changed = Object.entries(sample.state_after ?? {}).flatMap(([name, want]) =>
    compare(want, callMethod(state, "get", [name]), sample, `stateDict ${name}`),
  );
  return [...order, ...changed];
}
