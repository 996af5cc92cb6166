/** Walking a layout element by element, for code that no kernel fits. */
import type { Layout } from "../core/layout.ts";

/** Calls `visit` with the storage position of every element, in row-major order. */
export function eachOffset(layout: Layout, visit: (offset: number) => void): void {
  const walk = (dim: number, offset: number): void => {
    if (dim === layout.rank) {
      visit(offset);
      return;
    }
    for (let i = 0; i < layout.shape[dim]!; i++) walk(dim + 1, offset + i * layout.strides[dim]!);
  };
  walk(0, layout.offset);
}
