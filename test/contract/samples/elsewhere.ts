/** Operators that no sample fits; their contract is spelled out in creation.test.ts. */

/** What they return holds whatever lay in memory. */
export const uninitialised = ["empty", "emptyLike", "emptyStrided", "newEmpty", "newEmptyStrided"] as const;

/** They change the storage under their receiver. */
export const reshaping = ["resizeAs_", "resize_", "set_"] as const;
