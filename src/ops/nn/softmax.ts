/** The softmax family. */
export {};
