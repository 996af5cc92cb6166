/** What the playground's page and its worker say to each other. */
import type { MemoryMap } from "cresset/drawing";
import type { Changes } from "../view/rows.ts";

/** Something printed, and the line of the program that did. */
export interface Line {
  readonly tone: "log" | "warn" | "error";
  readonly text: string;
  readonly line: number | null;
}

/** From the worker. */
export type Told =
  | { readonly kind: "print"; readonly lines: readonly Line[] }
  /** The map after a statement; null where it is as before. */
  | { readonly kind: "map"; readonly line: number; readonly shown: { map: MemoryMap; changes: Changes } | null }
  | { readonly kind: "plot"; readonly series: string; readonly value: number }
  | { readonly kind: "progress"; readonly done: number; readonly all: number; readonly text: string }
  | { readonly kind: "file"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A program wants the digits, which the page has. */
  | { readonly kind: "digits" }
  | { readonly kind: "failed"; readonly message: string; readonly line: number | null }
  | { readonly kind: "done" };

/** MNIST digits: images of 28 by 28 bytes, and a label for each. */
export interface Digits {
  readonly images: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
  /** How many of them are for training; the others are for tests. */
  readonly training: number;
}

/** To the worker: the digits, or why there are none. */
export type Answer = { readonly digits: Digits } | { readonly problem: string };
