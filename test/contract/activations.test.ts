/** The contract of activations, losses and layers without windows. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { activations } from "./samples/activations.ts";

contract(entriesIn(activations), activations);
