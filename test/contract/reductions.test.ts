/** The contract of reductions, scans, sorts, statistics and searches. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { reductions } from "./samples/reductions.ts";

contract(entriesIn(reductions), reductions);
