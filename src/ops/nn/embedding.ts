/** Embedding and one-hot. */
export {};
