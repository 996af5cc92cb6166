/** The contract of the elementwise operators of `torch.special`. */
import { pointwiseEntries } from "./catalogue.ts";
import { contract } from "./family.ts";
import { pointwise } from "./samples/pointwise.ts";

contract(
  pointwiseEntries(pointwise).filter((entry) => entry.label.startsWith("special.")),
  pointwise,
);
