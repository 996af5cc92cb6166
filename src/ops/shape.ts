/** Copies that rearrange: flip, roll, repeat, tile, pad, rot90, tril, diag and their kin. */
export {};
