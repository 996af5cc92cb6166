/** The contract of matrix products. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { matrices } from "./samples/matrices.ts";

contract(entriesIn(matrices), matrices);
