/** What the types accept and refuse; checked by tsc, never run. */
import * as torch from "cresset";

const { nn, optim } = torch;
declare const x: torch.Tensor;

export const positional: torch.Tensor = x.sum(1, true);
export const named: torch.Tensor = x.sum({ dim: 1, keepdim: true });
export const mixed: torch.Tensor = torch.sum(x, 1, { keepdim: true, dtype: "float64" });
export const sizes: torch.Tensor[] = [
  x.view(2, 3),
  x.view([2, 3]),
  x.view(torch.int32),
  torch.zeros(2, 3, { dtype: torch.int64 }),
];
export const inplace: torch.Tensor = x.add_(1).mul_(x).relu_();
export const both: { values: torch.Tensor; indices: torch.Tensor } = x.max(1);
export const index: torch.Tensor = x.at(0, "1:3", null, "...", torch.slice(1, 3), [0, 2], x.gt(0));
export const number: number = x.item();
export const big: bigint = x.item({ bigint: true });

// @ts-expect-error an unknown option
x.sum({ dims: 1 });
// @ts-expect-error a wrong kind
x.transpose("0", 1);
// @ts-expect-error a missing argument
x.transpose(0);
// @ts-expect-error views have no in-place form that writes elements
x.expand_(2, 3);

class Pair extends nn.Module<[a: torch.Tensor, b?: torch.Tensor], [torch.Tensor, torch.Tensor]> {
  layer = new nn.Linear(2, 2);
  forward(a: torch.Tensor, b?: torch.Tensor): [torch.Tensor, torch.Tensor] {
    return [this.layer(a), this.layer(b ?? a)];
  }
}

const pair = new Pair();
export const outputs: [torch.Tensor, torch.Tensor] = pair(x);
// @ts-expect-error a module's arguments are its forward's
pair("x");
export const optimizer: torch.optim.Optimizer = new optim.Adam(pair.parameters(), { lr: 1e-3, betas: [0.9, 0.99] });

/** Pitfall P2: a best state that no epoch may have set. */
export function neverBetter(accuracies: readonly number[], model: torch.nn.AnyModule): torch.StateDict {
  let best: torch.StateDict;
  for (const accuracy of accuracies) if (accuracy > 0.5) best = torch.lens.snapshot(model);
  // @ts-expect-error used before being assigned
  return best;
}

// @ts-expect-error pitfall P40: modules have no clone()
pair.clone();
