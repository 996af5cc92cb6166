/** Training in PyTorch, replayed: three models, every optimizer, every scheduler, gradient clipping. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { asTensor, call, callMethod, construct, lookup, property, type Tensor, tensorMethod } from "./oracle/face.ts";
import { camelKeys } from "./oracle/names.ts";
import type { Tolerance } from "./oracle/numbers.ts";
import { type Environment, evaluatePython } from "./oracle/python.ts";
import { differences, restore, type Stored, type StoredTensor } from "./oracle/recorded.ts";

type States = Readonly<Record<string, StoredTensor>>;

interface TrainingRun {
  readonly name: string;
  readonly steps: number;
  readonly data: { readonly x: StoredTensor; readonly y: StoredTensor };
  readonly initial_state_dict: States;
  readonly first_output: StoredTensor;
  readonly first_grads: States;
  readonly losses: readonly number[];
  readonly losses_float64_run: readonly number[];
  readonly final_state_dict: States;
  readonly optimizer_state_dict: Stored;
}

interface Step {
  readonly loss: number;
  readonly w: readonly number[];
  readonly b: readonly number[];
}

type Precision = "float32" | "float64";

interface OptimizerRun {
  readonly optimizer: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly float32: readonly Step[];
  readonly float64: readonly Step[];
  readonly state_dict_float32: Readonly<Record<string, Stored>>;
  readonly state_dict_float64: Readonly<Record<string, Stored>>;
}

interface SchedulerRun {
  readonly scheduler: string;
  readonly lr_momentum: readonly (readonly (readonly number[])[])[];
  readonly metrics?: readonly number[];
  readonly state_dict: Stored;
}

interface Training {
  readonly runs: readonly TrainingRun[];
  readonly optimizers: {
    readonly problem: {
      readonly x: readonly (readonly number[])[];
      readonly y: readonly (readonly number[])[];
      readonly w0: readonly (readonly number[])[];
      readonly b0: readonly number[];
    };
    readonly runs: readonly OptimizerRun[];
    readonly param_groups: {
      readonly float64: readonly Step[];
      readonly state_dict_float64: Readonly<Record<string, Stored>>;
    };
  };
  readonly schedulers: { readonly runs: readonly SchedulerRun[] };
  readonly utilities: {
    readonly input_grads: readonly StoredTensor[];
    readonly results: Readonly<Record<string, { readonly returned: number | null; readonly grads: readonly Stored[] }>>;
  };
}

const training = JSON.parse(readFileSync(new URL("./data/training.json", import.meta.url), "utf8")) as Training;

/** The first of these names that the library lacks, as the reason of a skip. */
function notImplemented(names: readonly string[]): string | undefined {
  const missing = names.find((name) => lookup(name) === undefined);
  return missing === undefined ? undefined : `not implemented: ${missing}`;
}

/** How a recorded run is written here: what it needs, the model, the loss, the optimizer, the batch of a step. */
interface Recipe {
  readonly needs: readonly string[];
  readonly model: () => unknown;
  readonly loss: string;
  readonly optimizer: (parameters: unknown) => unknown;
  readonly batch: (data: Tensor, step: number) => Tensor;
}

const whole = (data: Tensor): Tensor => data;

const recipes: readonly Recipe[] = [
  {
    needs: ["nn.Sequential", "nn.Linear", "nn.Sigmoid", "nn.BCELoss", "optim.Adam"],
    model: () =>
      construct("nn.Sequential", [{ layer1: construct("nn.Linear", [10, 4]), act1: construct("nn.Sigmoid", []) }]),
    loss: "nn.BCELoss",
    optimizer: (parameters) => construct("optim.Adam", [parameters, { lr: 0.001 }]),
    batch: whole,
  },
  {
    needs: ["nn.Sequential", "nn.Linear", "nn.ReLU", "nn.CrossEntropyLoss", "optim.SGD"],
    model: () =>
      construct("nn.Sequential", [
        construct("nn.Linear", [784, 128]),
        construct("nn.ReLU", []),
        construct("nn.Linear", [128, 10]),
      ]),
    loss: "nn.CrossEntropyLoss",
    optimizer: (parameters) =>
      construct("optim.SGD", [parameters, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }]),
    batch: (data, step) => tensorMethod(data, "at", [step % 2]),
  },
  {
    needs: ["nn.TransformerEncoder", "nn.TransformerEncoderLayer", "nn.MSELoss", "optim.RMSprop"],
    model: () => {
      const layer = { dModel: 16, nhead: 2, dimFeedforward: 32, dropout: 0 };
      return construct("nn.TransformerEncoder", [construct("nn.TransformerEncoderLayer", [layer]), { numLayers: 1 }]);
    },
    loss: "nn.MSELoss",
    optimizer: (parameters) => construct("optim.RMSprop", [parameters, { lr: 0.001 }]),
    batch: whole,
  },
];

function invoke(module: unknown, ...args: unknown[]): Tensor {
  if (typeof module !== "function") throw new Error("not callable");
  const result: unknown = Reflect.apply(module, undefined, args);
  return asTensor(result);
}

function entries(owner: unknown, method: string): Map<string, Tensor> {
  return new Map(callMethod(owner, method, []) as Iterable<[string, Tensor]>);
}

const loose: Tolerance = { rtol: 1e-4, atol: 2e-6 };

/** Runs the training loop; returns what differs from the record. */
function replay(run: TrainingRun, { model: build, loss, optimizer: optimize, batch }: Recipe): string[] {
  const model = build();
  const initial = Object.entries(run.initial_state_dict).map(([name, stored]) => [name, restore(stored)] as const);
  callMethod(model, "loadStateDict", [new Map(initial)]);
  const [x, y, criterion] = [restore(run.data.x), restore(run.data.y), construct(loss, [])];
  const optimizer = optimize(callMethod(model, "parameters", []));
  const wrong: string[] = [];
  for (let step = 0; step < run.steps; step++) {
    callMethod(optimizer, "zeroGrad", []);
    const output = invoke(model, batch(x, step));
    const value = invoke(criterion, output, batch(y, step));
    callMethod(value, "backward", []);
    if (step === 0) wrong.push(...firstStep(run, model, output));
    wrong.push(...lossDifference(run, step, callMethod(value, "item", [])));
    callMethod(optimizer, "step", []);
  }
  const state = callMethod(optimizer, "stateDict", []);
  return [
    ...wrong,
    ...differences(run.final_state_dict, entries(model, "stateDict"), loose, "final state").filter((d) => !isNoise(d)),
    ...differences(run.optimizer_state_dict, state, loose, "optimizer"),
  ];
}

/**
 * The bias of attention's keys moves every score of a row alike, so its true gradient is 0, and RMSprop divides the
 * rounding noise that is left by its own size. The keys' part of this model's bias is elements 16 to 31.
 */
function isNoise(difference: string): boolean {
  const at = /self_attn\.in_proj_bias\[(\d+)\]/.exec(difference);
  return at !== null && Number(at[1]) >= 16 && Number(at[1]) < 32;
}

function firstStep(run: TrainingRun, model: unknown, output: Tensor): string[] {
  const parameters = [...entries(model, "namedParameters")];
  const grads = new Map(parameters.map(([name, parameter]) => [name, property(parameter, "grad")]));
  return [
    ...differences(run.first_output, output, { rtol: 1.3e-6, atol: 1e-5 }, "first output"),
    ...differences(run.first_grads, grads, { rtol: 1e-5, atol: 1e-6 }, "first gradients"),
  ];
}

/** A loss may be off by as much as rounding matters: what separates PyTorch's own float32 and float64 runs. */
function lossDifference({ losses, losses_float64_run }: TrainingRun, step: number, got: unknown): string[] {
  const want = losses[step] ?? Number.NaN;
  const rounding = Math.abs(want - (losses_float64_run[step] ?? want));
  return differences(want, got, { rtol: 1e-5, atol: 1e-7 + 10 * rounding }, `loss ${step}`);
}

describe("training runs", () => {
  test.for(training.runs.map((run, k) => [run.name, run, recipes[k]] as const))("%s", ([, run, recipe], { skip }) => {
    if (recipe === undefined) throw new Error("the record has a run without a recipe");
    const reason = notImplemented(recipe.needs);
    if (reason !== undefined) skip(reason);
    expect(replay(run, recipe)).toEqual([]);
  });
});

const { problem } = training.optimizers;

/** The linear regression that every optimizer is given. */
class Regression {
  readonly w: Tensor;
  readonly b: Tensor;
  readonly #x: Tensor;
  readonly #y: Tensor;

  constructor(dtype: string) {
    const make = (data: unknown, options: Record<string, unknown> = {}) =>
      asTensor(call("tensor", [data, { dtype: lookup(dtype), ...options }]));
    this.w = make(problem.w0, { requiresGrad: true });
    this.b = make(problem.b0, { requiresGrad: true });
    this.#x = make(problem.x);
    this.#y = make(problem.y);
  }

  loss(): Tensor {
    const residual = tensorMethod(tensorMethod(tensorMethod(this.#x, "matmul", [this.w]), "add", [this.b]), "sub", [
      this.#y,
    ]);
    return tensorMethod(tensorMethod(residual, "pow", [2]), "mean");
  }

  /** Trains for as many steps as recorded; returns what differs. */
  train(optimizer: unknown, steps: readonly Step[], toleranceAt: (step: number) => Tolerance): string[] {
    const closure = () => {
      callMethod(optimizer, "zeroGrad", []);
      const loss = this.loss();
      callMethod(loss, "backward", []);
      return loss;
    };
    return steps.flatMap(({ loss: want, w, b }, k) => {
      const loss = asTensor(callMethod(optimizer, "step", [closure]));
      const flat = (parameter: Tensor) => callMethod(tensorMethod(parameter, "flatten"), "tolist", []);
      const got = { loss: callMethod(loss, "item", []), w: flat(this.w), b: flat(this.b) };
      return differences({ loss: want, w, b }, got, toleranceAt(k), `step ${k}`);
    });
  }
}

/** Rounding shows in what separates PyTorch's two precisions. */
function stepTolerance(run: OptimizerRun, precision: Precision): (step: number) => Tolerance {
  if (precision === "float64") return () => ({ rtol: 1e-8, atol: 1e-9 });
  return (k) => {
    const [single, double] = [run.float32[k], run.float64[k]];
    const flat = (step?: Step) => (step === undefined ? [] : [step.loss, ...step.w, ...step.b]);
    const gaps = flat(single).map((value, i) => Math.abs(value - (flat(double)[i] ?? value)));
    // L-BFGS divides by differences of nearly equal gradients, which multiplies what rounding left.
    const least = run.optimizer === "LBFGS" ? 5e-5 : 2e-6;
    return { rtol: 1e-5, atol: least + 10 * Math.max(0, ...gaps) };
  };
}

/** L-BFGS keeps directions and curvatures of a converged problem: rounding noise. Its settings are compared all the same. */
function comparableState(run: OptimizerRun, precision: Precision): Stored {
  const state = run[`state_dict_${precision}`];
  return run.optimizer === "LBFGS" ? { param_groups: state.param_groups ?? null } : state;
}

const precisions: readonly Precision[] = ["float32", "float64"];
const optimizerRuns = training.optimizers.runs.flatMap((run) =>
  precisions.map(
    (precision) => [`${run.optimizer}(${JSON.stringify(run.args)}) ${precision}`, run, precision] as const,
  ),
);

describe("optimizers", () => {
  test.for(optimizerRuns)("%s", ([, run, precision], { skip }) => {
    const path = `optim.${run.optimizer}`;
    const reason = notImplemented([path]);
    if (reason !== undefined) skip(reason);
    const regression = new Regression(precision);
    const optimizer = construct(path, [[regression.w, regression.b], camelKeys(run.args)]);
    const steps = regression.train(optimizer, run[precision], stepTolerance(run, precision));
    const state = callMethod(optimizer, "stateDict", []);
    const tolerance = precision === "float64" ? { rtol: 1e-7, atol: 1e-9 } : { rtol: 1e-4, atol: 1e-5 };
    expect([...steps, ...differences(comparableState(run, precision), state, tolerance, "state")]).toEqual([]);
  });

  test("two parameter groups keep their own learning rate and momentum", ({ skip }) => {
    const reason = notImplemented(["optim.SGD"]);
    if (reason !== undefined) skip(reason);
    const regression = new Regression("float64");
    const groups = [{ params: [regression.w] }, { params: [regression.b], lr: 0.2, momentum: 0 }];
    const optimizer = construct("optim.SGD", [groups, { lr: 0.05, momentum: 0.9 }]);
    const { float64, state_dict_float64 } = training.optimizers.param_groups;
    const tolerance = { rtol: 1e-8, atol: 1e-9 };
    const steps = regression.train(optimizer, float64, () => tolerance);
    const state = callMethod(optimizer, "stateDict", []);
    expect([...steps, ...differences(state_dict_float64, state, tolerance, "state")]).toEqual([]);
  });
});

const lambdas: Environment["lambdas"] = {
  "lambda epoch: 0.95 ** epoch": (epoch) => 0.95 ** epoch,
  "lambda epoch: 0.9": () => 0.9,
  "lambda epoch: 1 / (1 + epoch)": (epoch) => 1 / (1 + epoch),
};

function schedulerNames(text: string): string[] {
  return (text.match(/[A-Z]\w+(?=\()/g) ?? []).map((name) => `optim.lr_scheduler.${name}`);
}

function twoGroups(): unknown {
  const parameter = () => asTensor(call("zeros", [1, { requiresGrad: true }]));
  const groups = [{ params: [parameter()] }, { params: [parameter()], lr: 0.02 }];
  return construct("optim.SGD", [groups, { lr: 0.1, momentum: 0.9 }]);
}

describe("schedulers", () => {
  test.for(training.schedulers.runs.map((run) => [run.scheduler, run] as const))("%s", ([text, run], { skip }) => {
    const reason = notImplemented(["optim.SGD", ...schedulerNames(text)]);
    if (reason !== undefined) skip(reason);
    const opt = twoGroups();
    const scheduler = evaluatePython(text, {
      values: { opt },
      construct: (name, args) => construct(`optim.lr_scheduler.${name}`, args),
      lambdas,
    });
    const tolerance = { rtol: 1e-12, atol: 1e-15 };
    const steps = run.lr_momentum.flatMap((want, k) => {
      const groups = property(opt, "paramGroups") as readonly unknown[];
      const got = groups.map((group) => [property(group, "lr"), property(group, "momentum")]);
      callMethod(opt, "step", []);
      callMethod(scheduler, "step", run.metrics === undefined ? [] : [run.metrics[k]]);
      return differences(want, got, tolerance, `step ${k}`);
    });
    const state = callMethod(scheduler, "stateDict", []);
    expect([...steps, ...differences(run.state_dict, state, tolerance, "state")]).toEqual([]);
  });
});

describe("gradient clipping", () => {
  test.for(Object.entries(training.utilities.results))("%s", ([text, want], { skip }) => {
    const [, name = "", args = ""] = /^(\w+)\((.*)\)$/.exec(text) ?? [];
    const path = `nn.utils.${name}`;
    const reason = notImplemented([path]);
    if (reason !== undefined) skip(reason);
    const parameters = training.utilities.input_grads.map((stored) => {
      const parameter = tensorMethod(call("zeros_like", [restore(stored)]), "requiresGrad_");
      parameter.grad = restore(stored);
      return parameter;
    });
    const values = { inf: Number.POSITIVE_INFINITY };
    const given = evaluatePython(`arguments(${args})`, { values, construct: (_, all) => all, lambdas }) as unknown[];
    const returned = call(path, [parameters, ...given]);
    const number = want.returned === null ? (returned ?? null) : callMethod(returned, "item", []);
    const grads = parameters.map((parameter) => property(parameter, "grad"));
    const tolerance = { rtol: 1.3e-6, atol: 1e-7 };
    expect(differences({ ...want }, { returned: number, grads }, tolerance, text)).toEqual([]);
  });
});
