/** Classes of users that files may name: `torch.serialization.addSafeGlobals`. */
import { ValueError } from "../core/errors.ts";
import { isModule, moduleBrand } from "../nn/registry.ts";
import { builtinOf, type ModuleClass } from "./module-classes.ts";

/** A class of modules. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor of any module
export type ModuleConstructor = abstract new (...args: any[]) => object;

/** A class, or a class and the name that files have for it, such as `__main__.Net`. */
export type SafeGlobal = ModuleConstructor | readonly [type: ModuleConstructor, name: string];

const safe = new Map<string, ModuleClass>();
const given: SafeGlobal[] = [];

function classOf(entry: SafeGlobal): ModuleClass {
  const [type, name] = typeof entry === "function" ? [entry, null] : entry;
  const isClass =
    typeof type === "function" && !isModule(type) && "prototype" in type && moduleBrand in (type.prototype as object);
  if (!isClass) throw new TypeError("addSafeGlobals(): expected classes of modules, or pairs [class, name]");
  const { prototype } = type as { prototype: object };
  if (name === null) {
    const builtin = builtinOf(prototype);
    if (builtin !== null) return builtin;
    return { module: "__main__", name: type.name, prototype, attributes: null };
  }
  const dot = name.lastIndexOf(".");
  if (!/^[\w.]+$/.test(name) || dot <= 0 || dot === name.length - 1) {
    throw new ValueError(`addSafeGlobals(): expected a name such as "__main__.${type.name}", found "${name}"`);
  }
  return { module: name.slice(0, dot), name: name.slice(dot + 1), prototype, attributes: null };
}

/**
 * Lets files name these classes: `save` writes whole modules of them, and `load` makes them, also with `weightsOnly`.
 * A class without a name counts as one of Python's `__main__`.
 * @example torch.serialization.addSafeGlobals([[Net, "models.Net"]])
 */
export function addSafeGlobals(safeGlobals: readonly SafeGlobal[]): void {
  const classes = safeGlobals.map(classOf);
  for (const made of classes) safe.set(`${made.module}.${made.name}`, made);
  given.push(...safeGlobals);
}

/**
 * The classes that were added.
 * @example
 * torch.serialization.clearSafeGlobals();
 * torch.serialization.getSafeGlobals() // []
 */
export function getSafeGlobals(): SafeGlobal[] {
  return [...given];
}

/**
 * Forgets all classes that were added.
 * @example torch.serialization.clearSafeGlobals();
 */
export function clearSafeGlobals(): void {
  safe.clear();
  given.length = 0;
}

/** The added class that a file calls by this name. */
export function safeClass(module: string, name: string): ModuleClass | null {
  return safe.get(`${module}.${name}`) ?? null;
}

/** The added class with this prototype. */
export function safeClassOf(prototype: object): ModuleClass | null {
  for (const made of safe.values()) if (made.prototype === prototype) return made;
  return null;
}
