/** `torch.lens`: who shares memory with whom, what became of a kept state dict, and copies that stay. */
export { type AdviceCode, adviceCodes } from "./advice.ts";
export { type BestOptions, BestState, snapshot } from "./best.ts";
export { type CellsOptions, cells, type Run } from "./cells.ts";
export { drift } from "./drift.ts";
export { type Explanation, explain, type Link } from "./explain.ts";
export { toHTML } from "./html.ts";
export { type MappedStorage, type MappedTensor, type MemoryMap, map, named } from "./map.ts";
export type { Change } from "./records.ts";
export { type Sharing, sharing, type Viewed } from "./sharing.ts";
export { type DrawOptions, toSVG } from "./svg.ts";
export type { Role } from "./visit.ts";
export { debug, enable, isEnabled } from "./watch.ts";
export type { Drift } from "./words.ts";
