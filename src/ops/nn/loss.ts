/** Losses. */
export {};
