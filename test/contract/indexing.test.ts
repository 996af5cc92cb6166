/** The contract of what reads and writes by index or mask. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { indexing } from "./samples/indexing.ts";

contract(entriesIn(indexing), indexing);
