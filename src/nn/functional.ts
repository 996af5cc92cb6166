/** `torch.nn.functional`. */
export * from "../ops/nn/index.ts";
