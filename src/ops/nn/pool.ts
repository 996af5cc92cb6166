/** Pooling. */
export {};
