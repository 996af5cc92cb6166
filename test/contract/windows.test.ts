/** The contract of convolutions, pooling and resampling. */
import { entriesIn } from "./catalogue.ts";
import { contract } from "./family.ts";
import { windows } from "./samples/windows.ts";

contract(entriesIn(windows), windows);
