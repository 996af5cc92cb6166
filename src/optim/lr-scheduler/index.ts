/** `torch.optim.lr_scheduler`. */
export { LRScheduler, type SchedulerState } from "./base.ts";
export * from "./chainable.ts";
export * from "./combined.ts";
export * from "./cyclic.ts";
