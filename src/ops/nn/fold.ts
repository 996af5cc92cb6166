/** Sliding blocks: unfold (im2col) and fold. */
export {};
