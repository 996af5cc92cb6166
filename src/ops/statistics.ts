/** Reductions made of others: variance, norms, logsumexp, medians, comparisons of whole tensors. */
export {};
