/** `explain`: where a tensor's memory comes from, and who wrote to it. */
import { printsAs } from "../core/symbols.ts";
import { isTensor, type Tensor } from "../core/tensor.ts";
import { isParameter } from "../nn/parameter.ts";
import { ledgerOf } from "./records.ts";
import { parentOf } from "./taps.ts";

/** One tensor on the way to the storage. */
export interface Link {
  /** How it was made from the next one: a method in debug, else `"view"`; null for the last. */
  readonly by: string | null;
  readonly dtype: string;
  readonly shape: number[];
  readonly strides: number[];
  readonly offset: number;
  readonly version: number;
  readonly requiresGrad: boolean;
  readonly isParameter: boolean;
}

/** What is known of a tensor's memory; prints as a few lines. */
export class Explanation {
  /** From the tensor itself to the one that is no view. */
  readonly chain: readonly Link[];
  readonly storage: {
    readonly device: string;
    readonly bytes: number;
    readonly host: boolean;
    readonly writes: number;
  };
  /** Who wrote last, as far as the lens saw, and in debug where. */
  readonly lastWrite: { readonly by: string; readonly where: string | null } | null;

  constructor(x: Tensor) {
    this.chain = chainOf(x);
    const { storage } = x.impl;
    const { nbytes: bytes, writes } = storage;
    this.storage = { device: String(storage.device), bytes, host: storage.host !== null, writes };
    const ledger = ledgerOf(storage);
    const last = ledger?.runs.at(-1);
    const seen = last !== undefined && last.to === writes;
    this.lastWrite = seen ? { by: last.by, where: ledger?.where ?? null } : null;
  }

  toString(): string {
    const links = this.chain.map((link, i) => `${"  ".repeat(i)}${lineOf(link)}`);
    const { device, bytes, host, writes } = this.storage;
    const shared = host ? ", shared with a typed array" : "";
    const times = writes === 1 ? "once" : `${writes} times`;
    const last = this.lastWrite === null ? "" : `, last by ${this.lastWrite.by}`;
    const where = this.lastWrite?.where == null ? "" : ` at ${this.lastWrite.where}`;
    const end = `storage of ${bytes} bytes on ${device}${shared}; written ${times}${last}${where}`;
    return [...links, `${"  ".repeat(links.length)}${end}`].join("\n");
  }
}

printsAs(Explanation);

function lineOf(link: Link): string {
  const kind = link.isParameter ? "Parameter" : "Tensor";
  const grad = link.requiresGrad ? ", requires grad" : "";
  const made = link.by === null ? " over" : `, ${link.by} of`;
  const at = `strides [${link.strides.join(", ")}], offset ${link.offset}, version ${link.version}`;
  return `${kind} ${link.dtype} [${link.shape.join(", ")}], ${at}${grad}${made}`;
}

function chainOf(x: Tensor): Link[] {
  const links: Link[] = [];
  let at: Tensor | null = x;
  while (at !== null) {
    const made = parentOf(at);
    const next: Tensor | null = made?.parent ?? at._base;
    links.push(link(at, next === null ? null : (made?.by ?? "view")));
    at = next;
  }
  return links;
}

function link(t: Tensor, by: string | null): Link {
  const { layout, dtype } = t.impl;
  return {
    by,
    dtype: dtype.name,
    shape: [...layout.shape],
    strides: [...layout.strides],
    offset: layout.offset,
    version: t._version,
    requiresGrad: t.requiresGrad,
    isParameter: isParameter(t),
  };
}

/**
 * The chain of views from `x` back to its storage, with versions, and who wrote last. With `lens.debug(true)` it names
 * every view on the way and the line of the last write.
 * @example String(torch.lens.explain(x.T.at(0)))
 */
export function explain(x: Tensor): Explanation {
  if (!isTensor(x)) throw new TypeError("explain(): expected a tensor");
  return new Explanation(x);
}
