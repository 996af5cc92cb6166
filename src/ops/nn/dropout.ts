/** Dropout. */
export {};
