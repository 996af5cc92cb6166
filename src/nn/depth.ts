/** How many modules are being called, one inside the other. */
export const calls: { depth: number } = { depth: 0 };
