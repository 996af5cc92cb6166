/** Modules as PyTorch prints them. */
import type { AnyModule } from "./module.ts";

/** All lines but the first, two further in. */
export function indent(text: string, by = 2): string {
  return text.split("\n").join(`\n${" ".repeat(by)}`);
}

/** `Name(…)` around lines: a single line of arguments stays on the line. */
export function frame(name: string, extra: string, children: readonly string[]): string {
  const own = extra === "" ? [] : extra.split("\n");
  if (own.length + children.length === 0) return `${name}()`;
  if (own.length === 1 && children.length === 0) return `${name}(${own[0]})`;
  return `${name}(\n  ${[...own, ...children].join("\n  ")}\n)`;
}

/** The printed form of a module: its arguments, then its children. */
export function printModule(module: AnyModule, children: ReadonlyMap<string, AnyModule | null>): string {
  const lines = [...children].map(([name, child]) => `(${name}): ${child === null ? "None" : indent(String(child))}`);
  return frame(module.constructor.name, module.extraRepr(), lines);
}
