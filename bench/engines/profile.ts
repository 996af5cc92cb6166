/** Runs one workload under V8's sampling profiler and prints where its time goes. */
import inspector from "node:inspector";
import { configure } from "./configure.ts";
import { make, type Torch } from "./programs.ts";
import { seconds, warmUp } from "./serve.ts";

type Node = inspector.Profiler.ProfileNode;

/** The parts of a build, by path: the first that matches. */
const parts: readonly (readonly [bucket: string, path: RegExp])[] = [
  ["autograd", /\/autograd\//],
  ["memory", /\/core\/(storage|memory|heap|blocks|scope|collector)\.js$/],
  ["lens", /\/lens\//],
  ["modules, optimizers", /\/(nn|optim)\//],
  ["serialization, copies", /\/(serialize|copy)\/|\/fflate\//],
  ["dispatch", /\/(ops|ir|core|backends)\/|\/install\.js$/],
];

/** Files that serve every operator: what calls them is more telling. */
const general =
  /\/ops\/(define|pointwise|reduce|operands|call|writes|one-node)\.js$|\/(ir|backends|core|autograd|lens)\/|install/;

const collecting = new Set(["(garbage collector)", "gc"]);

interface Tally {
  readonly buckets: Map<string, number>;
  readonly functions: Map<string, number>;
  readonly kernels: Map<string, number>;
  readonly around: Map<string, number>;
  total: number;
}

function relative(url: string): string {
  return url.replace(/^.*\/\.cache\/bench\/apart\//, "").replace(/^file:\/\/.*\//, "");
}

type Parents = ReadonlyMap<number, Node>;

/** All of koffi's functions share one entry, which V8 names after any of them: so it is known by its caller. */
function isBlas({ id, callFrame: f }: Node, parents: Parents): boolean {
  return (
    f.url === "" &&
    !f.functionName.startsWith("(") &&
    parents.get(id)?.callFrame.url.includes("/backends/native/") === true
  );
}

function title({ callFrame: f }: Node): string {
  const name = f.functionName || "(anonymous)";
  if (f.url.startsWith("wasm:")) return `${name} (wasm ${f.url.slice(-8)})`;
  return f.url === "" ? name : `${name} (${relative(f.url)}:${f.lineNumber + 1})`;
}

function bucketOf(node: Node, parents: Parents): string {
  const { callFrame: f } = node;
  if (collecting.has(f.functionName)) return "garbage collection";
  if (f.url.startsWith("wasm:") || /^(js-to-wasm|wasm-to-js)/.test(f.functionName)) return "kernel";
  if (isBlas(node, parents)) return "kernel";
  const part = parts.find(([, path]) => path.test(f.url));
  if (part !== undefined) return part[0];
  if (f.functionName === "(program)") return "native";
  return f.url.startsWith("node:") || f.url === "" ? "native" : "other JS";
}

/** The nearest caller that is about one operator, module or optimizer. */
function culprit(node: Node, parents: Parents): string {
  let at: Node | undefined = node;
  while (at !== undefined) {
    const { url } = at.callFrame;
    if (url.includes("/apart/") && !general.test(url)) return title(at);
    at = parents.get(at.id);
  }
  return "(none)";
}

function add(map: Map<string, number>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function tally(profile: inspector.Profiler.Profile): Tally {
  const nodes = new Map(profile.nodes.map((n) => [n.id, n]));
  const parents = new Map<number, Node>();
  for (const n of profile.nodes) for (const child of n.children ?? []) parents.set(child, n);
  const result: Tally = { buckets: new Map(), functions: new Map(), kernels: new Map(), around: new Map(), total: 0 };
  const deltas = profile.timeDeltas ?? [];
  (profile.samples ?? []).forEach((id, i) => {
    const node = nodes.get(id)!;
    // A sample stands for the time until the next one.
    const ms = (deltas[i + 1] ?? 0) / 1e3;
    if (node.callFrame.functionName === "(idle)") return;
    const bucket = bucketOf(node, parents);
    result.total += ms;
    add(result.buckets, bucket, ms);
    add(result.functions, isBlas(node, parents) ? "BLAS, through koffi" : title(node), ms);
    const who = culprit(node, parents);
    if (bucket === "kernel" || bucket === "native") add(result.kernels, who, ms);
    else if (bucket !== "garbage collection") add(result.around, who, ms);
  });
  return result;
}

function print(heading: string, map: Map<string, number>, { total, calls, most }: Record<string, number>): void {
  console.log(`\n${heading}`);
  const sorted = [...map].sort((x, y) => y[1] - x[1]).slice(0, most);
  for (const [name, ms] of sorted) {
    const each = ((ms / calls!) * 1e3).toFixed(1).padStart(10);
    console.log(`${((100 * ms) / total!).toFixed(1).padStart(6)} % ${each} us  ${name}`);
  }
}

async function record(run: () => void | Promise<void>): Promise<inspector.Profiler.Profile> {
  const session = new inspector.Session();
  session.connect();
  const post = <T>(method: string, parameters?: object): Promise<T> =>
    new Promise((resolve, reject) => {
      session.post(method, parameters, (error, value) => (error ? reject(error) : resolve(value as T)));
    });
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: 100 });
  await post("Profiler.start");
  await run();
  const { profile } = await post<{ profile: inspector.Profiler.Profile }>("Profiler.stop");
  session.disconnect();
  return profile;
}

const [, , , build, threads, blas, workload] = process.argv;
const torch = (await import(build!)) as Torch;
const { notes } = configure(torch, Number(threads), blas === "on");
const ready = await make(torch, workload!);
if (ready === null) throw new Error(`no workload called ${workload}`);
const one = await warmUp(ready.repeat, 2);
const calls = Math.max(3, Math.ceil(3 / one));
let each = 0;
const profile = await record(async () => {
  each = await seconds(ready.repeat, calls);
});
const { buckets, functions, kernels, around, total } = tally(profile);
const how = notes.length > 0 ? ` (${notes.join("; ")})` : "";
console.log(`${workload}: ${(each * 1e6).toFixed(1)} us a call over ${calls} calls, profiled${how}`);
print("by part, self time", buckets, { total, calls, most: 20 });
print("kernels and native calls, by who calls them", kernels, { total, calls, most: 20 });
print("JavaScript around them, by the operator, module or optimizer it works for", around, { total, calls, most: 20 });
print("functions, self time", functions, { total, calls, most: 25 });
process.exit(0);
