/** Random tensors and in-place draws, from PyTorch's stream. */
export {};
