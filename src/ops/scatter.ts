/** Writing by index: scatter, indexCopy, indexFill, maskedScatter, take, put and their kin. */
export {};
