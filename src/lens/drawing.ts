/** Drawing maps: needs no tensors, so a page that gets maps from elsewhere can load it alone (`cresset/drawing`). */
export { type CellsOptions, cells, overlap, placesOf, type Run, reached, type Shared, split } from "./cells.ts";
export { toHTML } from "./html.ts";
export type { MappedStorage, MappedTensor, MemoryMap } from "./map.ts";
export type { Change } from "./records.ts";
export { type DrawOptions, toSVG } from "./svg.ts";
export type { Role } from "./visit.ts";
export { count, type Drift, describe, describeStorage, kind, size, summary, written } from "./words.ts";
