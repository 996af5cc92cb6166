/** The events that modules, optimizers and copies announce. */
import { expect, test } from "vitest";
import { type ObservedEvent, observe } from "../../src/core/observe.ts";
import * as torch from "../../src/index.ts";

const { nn, optim, copy } = torch;

function during(fn: () => void): string[] {
  const kinds: string[] = [];
  const stop = observe((event: ObservedEvent) => void kinds.push(event.kind));
  fn();
  stop();
  return kinds;
}

test("state dicts, loads and copies are announced once each", () => {
  const m = new nn.Sequential(new nn.Linear(1, 1));
  const kinds = during(() => {
    const state = m.stateDict();
    m.loadStateDict(state);
    copy.deepcopy(m);
  });
  expect(kinds).toEqual(["stateDict", "load", "deepcopy"]);
});

test("a call is announced for the outermost module, a step for its optimizer", () => {
  const m = new nn.Sequential(new nn.Linear(1, 1));
  const kinds = during(() => {
    const o = new optim.SGD(m.parameters(), { lr: 1 });
    m(torch.ones(1, 1)).backward();
    o.step();
    o.zeroGrad();
  });
  expect(kinds).toEqual(["optimizer", "forward", "step", "zeroGrad"]);
});

test("a Parameter in the place of another is announced", () => {
  const m = new nn.Linear(1, 1);
  expect(during(() => void (m.weight = new nn.Parameter(torch.zeros(1, 1))))).toEqual(["replace"]);
});

test("nobody hears after stopping", () => {
  const kinds: string[] = [];
  observe((event) => void kinds.push(event.kind))();
  new nn.Linear(1, 1).stateDict();
  expect(kinds).toEqual([]);
});
