/** Misuses of optimizers: parameters that are not the model's, gradients that are missing, old or summed up. */
import type { Storage } from "../core/storage.ts";
import type { Tensor } from "../core/tensor.ts";
import type { AnyModule } from "../nn/module.ts";
import { isModule } from "../nn/registry.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { advise } from "./advice.ts";
import { beforeWrite } from "./host.ts";
import { overlapBytes } from "./overlap.ts";
import { bracket } from "./records.ts";
import { placed } from "./sharing.ts";

/** What is known of an optimizer. */
interface Steps {
  readonly id: number;
  /** The count of models' runs when it was made or stepped last. */
  since: number;
  /** The gradient of one parameter, at a position among all, as the last step left it. */
  at: number;
  /** Its memory, by the number that no other storage ever has (a WeakRef per step would cost more); 0 for none. */
  grad: number;
  gradWrites: number;
}

/** Who stepped a part of a storage: the last one, and all before. */
interface Stepped {
  readonly param: WeakRef<Tensor>;
  last: number;
  readonly before: Set<number>;
}

const known = new WeakMap<Optimizer, Steps>();
const steppedBy = new WeakMap<Storage, Stepped[]>();
/** Parameters that a module has exchanged for others. */
const replaced = new WeakSet<object>();
/** Gradients that were set to zero in place since the last step. */
const zeroed = new WeakSet<Storage>();
let anyReplaced = false;
let nextId = 1;
/** The optimizer that stepped last: while it is the same, nobody steps in turn. */
let lastId = 0;
let steps = 0;

/** How many steps all optimizers took. */
export const stepCount = (): number => steps;

/** The models that were run lately while recording; a few are enough. */
let recent: { readonly ref: WeakRef<AnyModule>; at: number }[] = [];
const mostRecent = 8;
let runs = 0;

/** A model was run while recording. */
export function onTrainingRun(module: AnyModule): void {
  runs++;
  const known = recent.find(({ ref }) => ref.deref() === module);
  if (known !== undefined) known.at = runs;
  else recent = [{ ref: new WeakRef(module), at: runs }, ...recent].slice(0, mostRecent);
}

/** Whether some optimizer has stepped this memory. */
export const isTrained = (storage: Storage): boolean => steppedBy.has(storage);

/** A tensor was set to a value in place: where it is a gradient, it was zeroed. */
export function onZeroed(storage: Storage): void {
  zeroed.add(storage);
}

/** A module holds another Parameter or Module than before. */
export function onReplaced(before: object): void {
  anyReplaced = true;
  if (isModule(before)) for (const param of before.parameters()) replaced.add(param);
  else replaced.add(before);
}

/** Most optimizers have one group, whose list need not be copied at every step. */
const paramsOf = ({ paramGroups }: Optimizer): readonly Tensor[] =>
  paramGroups.length === 1 ? paramGroups[0]!.params : paramGroups.flatMap((group) => group.params);
const gradOf = (param: Tensor): Tensor | null => param.impl.meta?.grad ?? null;

/** An optimizer was made. */
export function onOptimizer(optimizer: Optimizer): void {
  stepsOf(optimizer);
  const byStorage = new Map<Storage, Tensor[]>();
  for (const param of paramsOf(optimizer)) {
    const others = byStorage.get(param.impl.storage);
    if (others === undefined) byStorage.set(param.impl.storage, [param]);
    else if (others.some((other) => other !== param && overlap(other, param))) {
      advise("parameters-overlap", `${optimizer.constructor.name}, two parameters of size [${param.shape.join(", ")}]`);
      return;
    } else others.push(param);
  }
}

const overlap = (a: Tensor, b: Tensor): boolean => overlapBytes(placed(a).region, placed(b).region) > 0;

function stepsOf(optimizer: Optimizer): Steps {
  let mine = known.get(optimizer);
  if (mine === undefined) {
    mine = { id: nextId++, since: runs, at: -1, grad: 0, gradWrites: 0 };
    known.set(optimizer, mine);
  }
  return mine;
}

/** A step begins; what is returned is to be called at its end. */
export function onStep(optimizer: Optimizer): () => void {
  const mine = stepsOf(optimizer);
  const params = paramsOf(optimizer);
  const name = optimizer.constructor.name;
  const written = bracket(
    params.map((param) => param.impl.storage),
    `${name}.step()`,
  );
  const shared = params.filter((param) => param.impl.storage.host !== null);
  const wrote = shared.map((param) => beforeWrite(param.impl.storage));
  checkZeroed(mine, params, name);
  return () => {
    written?.();
    for (const done of wrote) done();
    steps++;
    checkGradients(optimizer, mine, params);
    checkTurns(mine, params, name);
    remember(mine, params);
  };
}

function remember(mine: Steps, params: readonly Tensor[]): void {
  mine.since = runs;
  mine.at = params.findIndex((param) => gradOf(param) !== null);
  const grad = mine.at < 0 ? null : gradOf(params[mine.at]!);
  mine.grad = grad === null ? 0 : grad.impl.storage.dataPtr();
  if (grad === null) return;
  mine.gradWrites = grad.impl.storage.writes;
  zeroed.delete(grad.impl.storage);
}

/** The gradient that the last step used, where its parameter still has it. */
function keptGrad(mine: Steps, params: readonly Tensor[]): Tensor | null {
  const param = params[mine.at];
  const grad = param === undefined ? null : gradOf(param);
  return grad !== null && grad.impl.storage.dataPtr() === mine.grad ? grad : null;
}

/** The gradient that the last step used grew since, without having been zeroed. */
function checkZeroed(mine: Steps, params: readonly Tensor[], name: string): void {
  const storage = keptGrad(mine, params)?.impl.storage;
  if (storage === undefined || storage.writes === mine.gradWrites || zeroed.has(storage)) return;
  advise("gradients-not-zeroed", name);
}

function checkGradients(optimizer: Optimizer, mine: Steps, params: readonly Tensor[]): void {
  const kept = keptGrad(mine, params);
  const stale = kept !== null && kept.impl.storage.writes === mine.gradWrites;
  const none = params.every((param) => gradOf(param) === null);
  if (anyReplaced && params.some((param) => replaced.has(param) && gradOf(param) === null)) {
    advise("optimizer-replaced-parameter", optimizer.constructor.name);
  } else if (stale || none) {
    const other = untrained(new Set(params), mine.since);
    if (other !== null) advise("optimizer-other-model", `${optimizer.constructor.name} and ${other}`);
    else if (none) advise("optimizer-without-gradients", optimizer.constructor.name);
  }
}

/** The name of a model that was just run, whose parameters have gradients and are strange to every optimizer. */
function untrained(params: ReadonlySet<Tensor>, since: number): string | null {
  const modules = recent
    .filter(({ at }) => at > since)
    .map(({ ref }) => ref.deref())
    .filter((module) => module !== undefined);
  const owned = modules.map((module) => [...module.parameters()]);
  if (owned.some((own) => own.some((param) => params.has(param)))) return null;
  const at = owned.findIndex((own) => own.some((param) => gradOf(param) !== null && !isTrained(param.impl.storage)));
  return modules[at]?.constructor.name ?? null;
}

/** A, then B, then A again over one memory. One optimizer made after another never comes back. */
function checkTurns(mine: Steps, params: readonly Tensor[], name: string): void {
  if (lastId === mine.id && mine.grad !== 0) return;
  lastId = mine.id;
  let inTurn = false;
  for (const param of params) {
    if (gradOf(param) === null) continue;
    const { storage } = param.impl;
    let list = steppedBy.get(storage);
    if (list === undefined) {
      list = [];
      steppedBy.set(storage, list);
    }
    const entries = list.filter((entry) => entry.param.deref() === param || meets(entry, param));
    if (!entries.some((entry) => entry.param.deref() === param)) {
      const others = entries.map((entry) => entry.last);
      list.push({ param: new WeakRef(param), last: mine.id, before: new Set(others) });
    }
    for (const entry of entries) {
      if (entry.last !== mine.id && entry.before.has(mine.id)) inTurn = true;
      entry.before.add(entry.last);
      entry.last = mine.id;
    }
  }
  if (inTurn) advise("optimizers-in-turn", name);
}

function meets(entry: Stepped, param: Tensor): boolean {
  const other = entry.param.deref();
  return other !== undefined && overlap(other, param);
}
