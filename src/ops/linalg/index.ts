/** `torch.linalg`. */
export * from "./norms.ts";
