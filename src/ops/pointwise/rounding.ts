/** Rounding, remainders, signs. */
export {};
