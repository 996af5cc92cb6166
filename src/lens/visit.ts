/** Finds the tensors inside models, optimizers, state dicts, lists and checkpoints, with their names. */
import { check } from "../core/errors.ts";
import { isOptions } from "../core/params.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import type { AnyModule } from "../nn/module.ts";
import { isParameter } from "../nn/parameter.ts";
import { isModule } from "../nn/registry.ts";
import { Optimizer } from "../optim/optimizer.ts";
import { PickledObject } from "../serialize/python.ts";
import { BestState, keptBy } from "./best.ts";

/** What a tensor is where it was found. */
export type Role = "parameter" | "buffer" | "gradient" | "optimizer state" | "tensor" | "typed array";

/** Where something was found. */
export interface Found {
  /** Its name from the outermost value on. */
  readonly path: string;
  readonly role: Role;
  /** The innermost root around it, and its name from there on. */
  readonly root: object | null;
  readonly key: string;
}

/** Hears of every tensor and typed array. */
export type Visitor = (found: Tensor | ArrayBufferView, at: Found) => void;

const join = (path: string, key: string): string => (path === "" ? key : key === "" ? path : `${path}.${key}`);

/** How to walk. */
export interface VisitOptions {
  /** Which containers are roots; modules always are. */
  readonly isRoot?: (container: object) => boolean;
  /** Whether what is held in several places is visited in each of them, under each name. */
  readonly everyName?: boolean;
}

/** Names beyond which values hold each other so often that nobody would read them. */
const mostNames = 250_000;

/** Calls `visitor` for every tensor and typed array in `value`. */
export function visit(value: unknown, visitor: Visitor, options: VisitOptions = {}): void {
  new Walk(visitor, options).value(value, { path: "", role: "tensor", root: null, key: "" });
}

class Walk {
  readonly #visitor: Visitor;
  readonly #isRoot: (container: object) => boolean;
  readonly #everyName: boolean;
  readonly #seen = new Set<unknown>();
  #names = 0;

  constructor(visitor: Visitor, { isRoot = () => false, everyName = false }: VisitOptions) {
    this.#visitor = (found, at) => {
      check(++this.#names <= mostNames, () => `the tensors in this value have more than ${mostNames} names`);
      visitor(found, at);
    };
    this.#isRoot = isRoot;
    this.#everyName = everyName;
  }

  value(value: unknown, at: Found): void {
    if (isTensor(value)) {
      const role = at.role === "tensor" && isParameter(value) ? "parameter" : at.role;
      this.#visitor(value, { ...at, role });
    } else if (ArrayBuffer.isView(value)) this.#visitor(value, { ...at, role: "typed array" });
    else if (typeof value === "object" || isModule(value)) this.#container(value, at);
  }

  #container(value: object | null, at: Found): void {
    if (value === null || this.#seen.has(value)) return;
    this.#seen.add(value);
    const within = isModule(value) || this.#isRoot(value) ? { ...at, root: value, key: "" } : at;
    if (isModule(value)) this.#module(value, within);
    else if (value instanceof Optimizer) this.#optimizer(value, within);
    else for (const [name, item] of itemsOf(value)) this.value(item, below(within, name));
    // What is still being walked must not be entered again, as it holds itself.
    if (this.#everyName) this.#seen.delete(value);
  }

  /** A model's parameters, buffers and gradients. */
  #module(module: AnyModule, at: Found): void {
    for (const [name, param] of module.namedParameters({ removeDuplicate: false })) {
      this.#visitor(param, { ...below(at, name), role: "parameter" });
      const grad = param.impl.meta?.grad ?? null;
      if (grad !== null) this.#visitor(grad, { ...below(at, `${name}.grad`), role: "gradient" });
    }
    for (const [name, buffer] of module.namedBuffers({ removeDuplicate: false })) {
      this.#visitor(buffer, { ...below(at, name), role: "buffer" });
    }
  }

  #optimizer(optimizer: Optimizer, at: Found): void {
    const position = new Map<Tensor, number>();
    for (const { params } of optimizer.paramGroups) {
      for (const param of params) {
        if (!position.has(param)) position.set(param, position.size);
        this.#visitor(param, { ...below(at, `params.${position.get(param)}`), role: "parameter" });
      }
    }
    for (const [param, state] of optimizer.state) {
      this.value(state, { ...below(at, `state.${position.get(param) ?? "unknown"}`), role: "optimizer state" });
    }
  }
}

const below = (at: Found, name: string): Found => ({ ...at, path: join(at.path, name), key: join(at.key, name) });

function itemsOf(value: object): Iterable<[string, unknown]> {
  if (value instanceof BestState) return keptBy(value);
  if (Array.isArray(value)) return value.map((item, i): [string, unknown] => [String(i), item]);
  if (value instanceof Map) return [...value].map(([k, item]): [string, unknown] => [String(k), item]);
  if (value instanceof Set) return [...value].map((item, i): [string, unknown] => [String(i), item]);
  if (value instanceof PickledObject) return partsOf(value);
  return isOptions(value) ? Object.entries(value) : [];
}

/** Where Python's modules keep their tensors and children: no part of a name. */
const shelves = new Set(["_parameters", "_buffers", "_modules"]);

/** What an object of an unknown class in a file holds. */
function partsOf({ state, items, entries }: PickledObject): [string, unknown][] {
  const dicts = [state, entries].filter((x) => typeof x === "object" && x !== null);
  const attributes = dicts.flatMap((dict) => [...itemsOf(dict!)]);
  const flat = attributes.flatMap(([name, value]): [string, unknown][] =>
    shelves.has(name) && typeof value === "object" && value !== null ? [...itemsOf(value)] : [[name, value]],
  );
  return [...(items ?? []).map((item, i): [string, unknown] => [String(i), item]), ...flat];
}
