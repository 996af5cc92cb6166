/** Linear and bilinear maps, attention. */
export {};
