/** Ordering: sort, argsort, topk, kthvalue, unique, searchsorted. */
export {};
