/** Batch, layer, group and instance normalisation. */
export {};
