/** The contract of views, rearrangements, and of what joins and splits. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { views } from "./samples/views.ts";

contract(entriesIn(views), views);
