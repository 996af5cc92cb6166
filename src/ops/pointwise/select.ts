/** Elementwise choices: where, maskedFill, clamp, maximum and their kin. */
export {};
