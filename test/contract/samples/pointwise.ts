/** Samples of elementwise operators that their declarations do not give, and gradients off the usual domain. */
import { type Table, valueOnly } from "../samples.ts";

export const pointwise: Table = {};
