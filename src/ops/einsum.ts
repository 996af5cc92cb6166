/** einsum and tensordot. */
export {};
