/** `torch.optim`. */
export * from "./adam.ts";
export * from "./adaptive.ts";
export { LBFGS, type LBFGSOptions } from "./lbfgs.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export {
  Optimizer,
  type OptimizerStateDict,
  type OptimizerStateDictLike,
  type ParamGroup,
  type ParamGroupInput,
  type ParamState,
  type Params,
} from "./optimizer.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
