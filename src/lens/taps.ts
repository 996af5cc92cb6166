/**
 * What the lens hears of tensors' own methods: it wraps them while it is on, and puts the originals back when it is
 * turned off, so that off costs nothing. The core knows nothing of it.
 */
import type { Storage } from "../core/storage.ts";
import { isTensor, Tensor } from "../core/tensor.ts";
import { place } from "../core/warnings.ts";
import { advise } from "./advice.ts";
import { beforeWrite } from "./host.ts";
import { quiet } from "./quiet.ts";
import { debug, entryOf, follow, inherit, ledgerOf, noteWrites } from "./records.ts";
import { onSum } from "./states.ts";
import { onZeroed } from "./steps.ts";

type Method = (this: Tensor, ...args: unknown[]) => unknown;

/** The descriptors that were replaced. */
let originals: Map<string, PropertyDescriptor> | null = null;

/** Methods that end in an underscore and write no elements. */
const harmless = new Set(["requiresGrad_", "detach_", "retainGrad_", "shareMemory_"]);
const settles = new Set(["zero_", "fill_", "copy_"]);

/** Tensors made by `.data` while backward still needed their memory, with the number of nodes that did. */
const dangerous = new WeakMap<Tensor, number>();
/** Memory written through them: how many nodes needed it. */
let suspicious: { readonly storage: WeakRef<Storage>; readonly held: number }[] = [];
const mostSuspicious = 64;

/** The view that a view was made from, and how; noted in debug. */
const parents = new WeakMap<Tensor, { readonly parent: WeakRef<Tensor>; readonly by: string }>();

/** The tensor that `view` was made from, and the method, where debug noted it. */
export function parentOf(view: Tensor): { parent: Tensor; by: string } | null {
  const entry = parents.get(view);
  const parent = entry?.parent.deref();
  return entry === undefined || parent === undefined ? null : { parent, by: entry.by };
}

function writing(name: string, original: Method): Method {
  const zeroes = settles.has(name);
  const sums = name === "add_";
  return function (this: Tensor, ...args: unknown[]): unknown {
    if (!isTensor(this)) return original.apply(this, args);
    const { storage } = this.impl;
    const ledger = ledgerOf(storage);
    if (zeroes) onZeroed(storage);
    if (ledger === undefined && storage.host === null && !debug.on && suspectFree(this)) {
      return original.apply(this, args);
    }
    if (sums && args.length === 1 && !quiet()) onSum(this, args[0]);
    const wrote = storage.host === null ? null : beforeWrite(storage);
    noteDanger(this);
    if (debug.on) follow(storage);
    const before = storage.writes;
    const result = original.apply(this, args);
    noteWrites(storage, before, `${inBackward ? "backward" : name}()`, debug.on ? place() : null);
    const entry = entryOf(this) ?? entryOf(this.impl.meta?.view?.base ?? this);
    if (entry !== undefined) entry.meant += storage.writes - before;
    wrote?.();
    return result;
  };
}

/** Whether what is written now is a gradient that `backward` adds to. */
let inBackward = false;
let anyDanger = false;
const suspectFree = (t: Tensor): boolean => !anyDanger || danger(t) === undefined;
const danger = (t: Tensor): number | undefined => dangerous.get(t) ?? dangerous.get(t.impl.meta?.view?.base ?? t);

function noteDanger(t: Tensor): void {
  if (!anyDanger) return;
  const held = danger(t);
  const { storage } = t.impl;
  if (held === undefined || storage.held === 0) return;
  suspicious = [{ storage: new WeakRef(storage), held: storage.held }, ...suspicious].slice(0, mostSuspicious);
}

/** After backward: fewer nodes need the memory than when it was written, so backward has read what was written. */
function checkSuspicious(): void {
  if (suspicious.length === 0) return;
  const left = suspicious.filter(({ storage, held }) => {
    const now = storage.deref();
    if (now === undefined || now.held >= held) return now !== undefined;
    advise("data-write-before-backward");
    return false;
  });
  suspicious = left;
}

function replace(name: string, change: (descriptor: PropertyDescriptor) => PropertyDescriptor): void {
  const descriptor = Object.getOwnPropertyDescriptor(Tensor.prototype, name);
  if (descriptor?.configurable !== true) return;
  originals?.set(name, descriptor);
  Object.defineProperty(Tensor.prototype, name, { ...descriptor, ...change(descriptor) });
}

const method = (name: string, wrap: (original: Method) => Method): void =>
  replace(name, ({ value }) => ({ value: wrap(value as Method) }));

function tapData({ get, set }: PropertyDescriptor): PropertyDescriptor {
  return {
    get(this: Tensor): unknown {
      const alias: unknown = get!.call(this);
      if (isTensor(alias) && entryOf(this) !== undefined) inherit(this, alias);
      const { held } = this.impl.storage;
      if (held > 0 && isTensor(alias)) {
        dangerous.set(alias, held);
        anyDanger = true;
      }
      return alias;
    },
    set(this: Tensor, value: unknown) {
      set!.call(this, value);
      const entry = entryOf(this);
      if (!quiet() && (this.impl.meta?.view != null || entry !== undefined)) advise("data-set-on-view");
    },
  };
}

/** Wraps what the lens needs to hear. */
export function tap(): void {
  if (originals !== null) return;
  originals = new Map();
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
    if (typeof value !== "function" || harmless.has(name)) continue;
    if (name === "setAt" || /[^_]_$/.test(name)) method(name, (original) => writing(name, original));
  }
  replace("data", tapData);
  method("detach", (original) => {
    return function (this: Tensor, ...args: unknown[]): unknown {
      const result = original.apply(this, args);
      if (isTensor(result) && ledgerOf(this.impl.storage) !== undefined) inherit(this, result);
      return result;
    };
  });
  method("backward", (original) => {
    return function (this: Tensor, ...args: unknown[]): unknown {
      const outer = inBackward;
      inBackward = true;
      let result: unknown;
      try {
        result = original.apply(this, args);
      } finally {
        inBackward = outer;
      }
      checkSuspicious();
      return result;
    };
  });
  if (debug.on) tapViews();
}

/** In debug, every method that returns a tensor over the same memory is noted as the way that led to it. */
function tapViews(): void {
  for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
    if (name === "constructor" || /_$/.test(name) || ["grad", "gradFn", "_base"].includes(name)) continue;
    const note = (self: Tensor, result: unknown): unknown => {
      for (const made of Array.isArray(result) ? (result as unknown[]) : [result]) {
        const isView = isTensor(made) && made !== self && made.impl.storage === self.impl.storage;
        // The outermost call is noted last, and is the one that user code made.
        if (isView) parents.set(made, { parent: new WeakRef(self), by: name });
      }
      return result;
    };
    const before = originals?.get(name);
    if (typeof value === "function") {
      method(name, (original) => {
        return function (this: Tensor, ...args: unknown[]): unknown {
          return note(this, original.apply(this, args));
        };
      });
    } else if (get !== undefined) {
      replace(name, () => ({
        get(this: Tensor): unknown {
          return note(this, get.call(this));
        },
      }));
    }
    if (before !== undefined) originals?.set(name, before);
  }
}

/** Puts the originals back. */
export function untap(): void {
  for (const [name, descriptor] of originals ?? []) Object.defineProperty(Tensor.prototype, name, descriptor);
  originals = null;
  suspicious = [];
  anyDanger = false;
}
