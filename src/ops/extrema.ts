/** Largest and smallest with their positions: max, min, argmax, aminmax. */
export {};
