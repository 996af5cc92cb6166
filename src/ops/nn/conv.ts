/** Convolutions. */
export {};
