/** deepcopy and clone: both copy the numbers; they differ in history, in class and in how much they take along. */
import * as torch from "cresset";

const { nn, copy } = torch;
const int64 = { dtype: torch.int64 };

const tensor = torch.tensor([1, 2, 3], int64);
const duplicate = copy.deepcopy(tensor);
tensor.setAt([0], 10);
console.log(tensor);
console.log(duplicate);

const original = torch.tensor([1, 2, 3, 4, 5], int64);
const cloned = original.clone();
cloned.setAt([0], 10);
console.log("Original tensor:", original);
console.log("Cloned tensor:", cloned);
console.log("one memory:", cloned.dataPtr() === original.dataPtr());

// clone stays in the graph and sends gradients back; deepcopy of a leaf is a new leaf.
const x = torch.ones(2, { requiresGrad: true });
console.log(x.clone().requiresGrad, x.clone().isLeaf, copy.deepcopy(x).requiresGrad, copy.deepcopy(x).isLeaf);

// Of a view, clone takes the elements and deepcopy the whole storage under it.
const slice = torch.arange(1000, { dtype: torch.float32 }).at("10:12");
const elements = (t: torch.Tensor): number => t.untypedStorage().size() / t.elementSize();
console.log(elements(slice.clone()), elements(copy.deepcopy(slice)), copy.deepcopy(slice).storageOffset());

// Weights that were tied stay tied in the copy; only the tie to the original is cut.
const a = new nn.Linear(2, 2);
const b = new nn.Linear(2, 2);
b.weight = a.weight;
const { first, second } = copy.deepcopy({ first: a, second: b });
console.log(first.weight === second.weight, first.weight === a.weight);

console.log("a model can be cloned:", "clone" in a);
