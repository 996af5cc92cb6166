/** The contract of elementwise operators. */
import { catalogue } from "./catalogue.ts";
import { contract } from "./family.ts";
import { pointwise } from "./samples/pointwise.ts";
import { arity } from "./samples.ts";

contract(
  catalogue.filter((entry) => arity(entry) > 0),
  pointwise,
);
