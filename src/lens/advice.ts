/** What the lens says at the point of misuse: what happens, the cure, and where the guide explains it. */
import { type Cause, warn } from "../core/warnings.ts";

/** The guide; its section for a warning is named after the code. */
const guide = "docs/pitfalls.md";

/** The code of a warning that the lens gives. */
export type AdviceCode =
  | "load-aliased"
  | "state-dict-drifted"
  | "state-dict-list"
  | "state-dict-averaged"
  | "state-dict-untied"
  | "optimizer-other-model"
  | "optimizer-replaced-parameter"
  | "optimizer-without-gradients"
  | "optimizer-copied"
  | "optimizers-in-turn"
  | "parameters-overlap"
  | "gradients-not-zeroed"
  | "created-in-forward"
  | "modules-in-array"
  | "non-leaf-kept"
  | "eval-forgotten"
  | "array-written-by-both"
  | "data-set-on-view"
  | "data-write-before-backward"
  | "save-small-view";

const texts: Readonly<Record<AdviceCode, string>> = {
  "load-aliased":
    "loadStateDict() was given the model's own memory (its live state dict), so nothing is restored. Keep a copy when " +
    "you take it: torch.lens.snapshot(model) or copy.deepcopy(model.stateDict()).",
  "state-dict-drifted":
    "This state dict was taken earlier and its tensors have been written to since: they are the model's own memory, " +
    "not what it was then. Keep a copy when you take it: torch.lens.snapshot(model) or new torch.lens.BestState(model).",
  "state-dict-list":
    "Several state dicts of one model are being kept, and all of them are the model's memory, so all show its present " +
    "values. Keep torch.lens.snapshot(model) for each.",
  "state-dict-averaged":
    "A live state dict is being summed into another one in place, which overwrites the parameters of the model it " +
    "belongs to. Sum into copies: start from torch.lens.snapshot(model).",
  "state-dict-untied":
    "Entries of this state dict share their memory, but those of the module it is loaded into do not, so weights that " +
    "were tied will go separate ways. Tie them in the module: let both fields hold the same Parameter.",
  "optimizer-other-model":
    "The parameters of this optimizer have no new gradients, while those of a model that was just run are not in it, " +
    "so step() does not train that model. Make the optimizer after the model is copied or rebuilt.",
  "optimizer-replaced-parameter":
    "This optimizer holds a Parameter that its model has replaced, so the new one is not trained. Make the optimizer " +
    "after replacing layers, or pass the new ones to addParamGroup().",
  "optimizer-without-gradients":
    "step() found no gradient on any parameter, so nothing changes. Call backward() on a loss that depends on these " +
    "parameters, after zeroGrad() and before step().",
  "optimizer-copied":
    "An optimizer was deep-copied without its model, so the copy updates parameters that belong to no model. Copy both " +
    "at once, copy.deepcopy({ model, optimizer }), or make a new optimizer and use loadStateDict().",
  "optimizers-in-turn":
    "Two optimizers update the same memory in turn, each with moments that do not know of the other's steps. Give each " +
    "parameter to one optimizer.",
  "parameters-overlap":
    "Different Parameters of this optimizer lie over one memory, so one step updates it more than once. Use the same " +
    "Parameter object in both places.",
  "gradients-not-zeroed":
    "Gradients were added to those that the last step() already used. Call optimizer.zeroGrad() before backward().",
  "created-in-forward":
    "A parameter or buffer was made inside forward(), so no optimizer made before knows it and every call may make " +
    "another. Make it in the constructor.",
  "modules-in-array":
    "A module keeps modules or Parameters in a plain array or object, so they are in neither parameters() nor " +
    "stateDict(). Use nn.ModuleList, nn.ModuleDict or nn.ParameterList.",
  "non-leaf-kept":
    "A module keeps a tensor that has history, which keeps the whole graph alive and makes deepcopy fail. Keep " +
    "x.detach() instead.",
  "eval-forgotten":
    "A trained model was run under noGrad in training mode, so dropout is active and batch statistics are used and " +
    "updated. Call model.eval() before inference and model.train() after it.",
  "array-written-by-both":
    "Memory that a tensor shares with a typed array was written by both sides, and autograd sees only the tensor's " +
    "writes. Copy it: torch.tensor(array), or x.clone().numpy().",
  "data-set-on-view":
    "Setting .data of a view or of a state dict's entry points that one object at other memory; the base or the model " +
    "keeps its values. Write into it: view.copy_(value) under noGrad.",
  "data-write-before-backward":
    "Memory that backward() needed was written through .data after forward, which autograd cannot see, so gradients " +
    "are wrong. Write to x.detach(), which is checked, or after backward().",
  "save-small-view":
    "A small view of a large storage is being saved or deep-copied, and the whole storage goes with it. Copy it first: " +
    "x.clone().",
};

/**
 * Every code, for the guide.
 * @example torch.lens.adviceCodes.includes("load-aliased") // true
 */
export const adviceCodes: readonly AdviceCode[] = Object.keys(texts) as AdviceCode[];

/** Gives a warning; `detail` says what it is about, such as a name, and `cause` where it was, if not here. */
export function advise(code: AdviceCode, detail?: string, cause?: Cause): void {
  const seen = detail === undefined ? "" : ` Seen: ${detail}.`;
  warn(code, `${texts[code]}${seen} See ${guide}#${code}`, cause ?? true);
}
