/** `copy.copy` and `copy.deepcopy` of values of all kinds. */
import { expect, test } from "vitest";
import * as torch from "../../src/index.ts";

const { copy, nn } = torch;

test("cycles and shared parts are copied as they are", () => {
  const node: { self?: unknown; list: number[]; again?: number[] } = { list: [1] };
  node.self = node;
  node.again = node.list;
  const copied = copy.deepcopy(node);
  expect(copied.self).toBe(copied);
  expect(copied.again).toBe(copied.list);
  expect(copied.list).not.toBe(node.list);
});

test("Maps, Sets, dates and their subclasses keep their class", () => {
  class Bag extends Set<number[]> {
    label = ["x"];
  }
  const bag = new Bag([[1]]);
  const source = { map: new Map([[{ k: 1 }, new Date(5)]]), bag };
  const copied = copy.deepcopy(source);
  expect(copied).toEqual(source);
  expect(copied.bag instanceof Bag).toBe(true);
  expect(copied.bag.label).not.toBe(bag.label);
  expect([...copied.map.keys()][0]).not.toBe([...source.map.keys()][0]);
});

test("typed arrays over one buffer stay over one buffer", () => {
  const whole = new Float32Array([1, 2, 3, 4]);
  const [a, b] = copy.deepcopy([whole, whole.subarray(1, 3)]) as [Float32Array, Float32Array];
  a[1] = 9;
  expect([...b]).toEqual([9, 3]);
  expect([...whole]).toEqual([1, 2, 3, 4]);
});

test("class instances are copied without running constructors; accessors and prototypes stay", () => {
  let made = 0;
  class Point {
    x: number[];
    constructor() {
      made++;
      this.x = [1];
    }
    get first(): number {
      return this.x[0]!;
    }
  }
  const p = new Point();
  const q = copy.deepcopy(p);
  q.x[0] = 5;
  expect([made, p.first, q.first, q instanceof Point]).toEqual([1, 1, 5, true]);
});

test("a class may say itself how it is copied", () => {
  class Handle {
    #id: number;
    constructor(id: number) {
      this.#id = id;
    }
    get id(): number {
      return this.#id;
    }
    deepcopy(memo: Map<unknown, unknown>): Handle {
      expect(memo instanceof Map).toBe(true);
      return new Handle(this.#id + 1);
    }
    copy(): Handle {
      return new Handle(this.#id + 10);
    }
  }
  const h = new Handle(1);
  const [a, b] = copy.deepcopy([h, h]) as [Handle, Handle];
  expect([a.id, a === b, copy.copy(h).id]).toEqual([2, true, 11]);
});

test("functions, dtypes, devices and sizes are shared", () => {
  const f = (): number => 1;
  const source = [f, torch.float32, torch.device("cpu"), torch.zeros(2).shape, Symbol.iterator];
  expect(copy.deepcopy(source).every((x, i) => x === source[i])).toBe(true);
});

test("the error for a tensor with history names the way to it", () => {
  const model = new nn.Sequential({ encoder: new nn.Linear(1, 1) });
  Object.assign(model.getSubmodule("encoder"), { last: { values: [model(torch.ones(1, 1))] } });
  expect(() => copy.deepcopy(model)).toThrow("(at model.encoder.last.values[0])");
});

test("a failed deepcopy leaves nothing behind for the next one", () => {
  const y = torch.ones(1, { requiresGrad: true }).mul(2);
  expect(() => copy.deepcopy({ y })).toThrow("(at .y)");
  expect(copy.deepcopy({ z: [1] })).toEqual({ z: [1] });
});

test("deepcopy of a module keeps hooks, flags, transient buffers and the order of its fields", () => {
  class M extends nn.Module {
    b = new nn.Linear(1, 1);
    note = { text: "x" };
    a = new nn.Linear(1, 1);
    constructor() {
      super();
      this.registerBuffer("t", torch.zeros(1), { persistent: false });
    }
    forward(x: torch.Tensor): torch.Tensor {
      return this.b(this.a(x));
    }
  }
  const m = new M().eval();
  let calls = 0;
  m.registerForwardHook(() => void calls++);
  const c = copy.deepcopy(m);
  c(torch.ones(1, 1));
  expect(calls).toBe(1);
  expect(c.training).toBe(false);
  expect(Object.keys(c)).toEqual(Object.keys(m));
  expect([...c.stateDict().keys()]).toEqual([...m.stateDict().keys()]);
  expect(c.note).toEqual({ text: "x" });
  expect(c.note).not.toBe(m.note);
});

test("built-in layers work after deepcopy", () => {
  const conv = copy.deepcopy(new nn.Conv1d(1, 1, 3, { padding: 1, paddingMode: "circular" }));
  expect(conv(torch.ones(1, 1, 4)).shape.join()).toBe("1,1,4");
  const norm = copy.deepcopy(new nn.InstanceNorm1d(2));
  expect(norm(torch.ones(1, 2, 3)).shape.join()).toBe("1,2,3");
});

test("a generator's copy continues as the original would", () => {
  const g = new torch.Generator().manualSeed(3);
  const c = copy.deepcopy(g);
  expect(c.random32()).toBe(g.random32());
});

test("a shallow copy of an object shares its values", () => {
  const source = { list: [1], t: torch.ones(1) };
  const copied = copy.copy(source);
  expect([copied === source, copied.list === source.list, copied.t === source.t]).toEqual([false, true, true]);
});
