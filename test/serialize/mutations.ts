/** Mutated files: what reading them may do, and the loop that tries it. */
import { readdirSync, readFileSync } from "node:fs";
import * as torch from "../../src/index.ts";
import { bytesSource } from "../../src/serialize/source.ts";
import { ZipReader } from "../../src/serialize/zip-read.ts";
import { zipBytes } from "../../src/serialize/zip-write.ts";
import { folder } from "./recorded.ts";

/** A generator of pseudo-random numbers (mulberry32), so that a failure can be had again. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const telling = [0, 1, 0x7f, 0x80, 0xff];

/** One or two changes: bits, bytes, words of ones, cuts, repeats, holes. */
export function mutate(original: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes: Uint8Array = original.slice();
  for (let n = 1 + random(2); n > 0 && bytes.length > 0; n--) {
    const at = random(4) === 0 ? Math.max(0, bytes.length - 1 - random(200)) : random(bytes.length);
    const kind = random(8);
    if (kind < 2) bytes[at] = bytes[at]! ^ (1 << random(8));
    else if (kind < 4) bytes[at] = telling[random(telling.length)]!;
    else if (kind === 4) bytes.fill(random(2) * 255, at, at + 1 + random(8));
    else if (kind === 5) bytes = bytes.slice(0, at);
    else if (kind === 6) bytes = joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - random(64))));
    else bytes = joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random(64)));
  }
  return bytes;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The same archive with changes inside of its pickle and a right checksum, so that they reach the pickle machine. */
export function mutateInside(archive: Uint8Array, random: (below: number) => number): Uint8Array {
  const zip = new ZipReader(bytesSource(archive, "the archive"));
  const inputs = [...zip.entries.keys()].map((name) => {
    const bytes = zip.read(name);
    const changed = name.endsWith(".pkl") || name.endsWith(".npy") ? mutate(bytes, random) : bytes;
    return { name, data: () => changed };
  });
  return zipBytes(inputs);
}

/** Errors that readers may throw for a bad file; anything else (TypeError from a bug, RangeError, a hang) is a fault. */
const allowed = new Set(["UnpicklingError", "RuntimeError", "EOFError", "SafetensorError", "ValueError", "KeyError"]);

const isClear = (error: unknown): boolean =>
  error instanceof Error &&
  (allowed.has(error.name) ||
    (error instanceof TypeError && /can't convert np\.ndarray|which Cresset has not/.test(error.message)));

type Reader = (bytes: Uint8Array) => unknown;

const checkpointReaders: readonly Reader[] = [
  (bytes) => torch.deserialize(bytes),
  (bytes) => torch.deserialize(bytes, { weightsOnly: false }),
  async (bytes) => {
    using file = await torch.serialization.open(bytes, { weightsOnly: false });
    for (const key of file.keys()) await file.tensor(key);
  },
];

const readers: Readonly<Record<string, readonly Reader[]>> = {
  pt: checkpointReaders,
  safetensors: [
    (bytes) => torch.safetensors.load(bytes),
    async (bytes) => void (await torch.serialization.open(bytes)).keys(),
  ],
  npy: [(bytes) => torch.npy.deserialize(bytes)],
  npz: [(bytes) => torch.npy.loadz(bytes)],
};

interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly read: readonly Reader[];
}

/** All small files of the collection with the readers for their kind. */
export function seeds(): Seed[] {
  const found: Seed[] = [];
  for (const base of [folder, new URL("more/", folder)]) {
    for (const name of readdirSync(base).sort()) {
      const read = readers[/\.(\w+)$/.exec(name)?.[1] ?? ""];
      const bytes = read === undefined ? null : new Uint8Array(readFileSync(new URL(name, base)));
      if (bytes !== null && bytes.length <= 16_384) found.push({ name, bytes, read: read! });
    }
  }
  return found;
}

/** What went wrong with one mutated file. */
export interface Fault {
  readonly name: string;
  readonly seed: number;
  readonly what: string;
}

/** Of one file, in the processor's time: on a busy machine the clock says nothing. */
const mostSeconds = 2;
/** Of memory beside the heap. The files are of 16 KB, and Deflate makes at most 1032 times as much of them. */
const mostBytes = 2 ** 25;

const isArchive = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;

/** Seconds that the processor has spent on this program. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What a run found. */
export interface Findings {
  readonly loaded: number;
  readonly refused: number;
  readonly faults: readonly Fault[];
}

/** Reads `count` mutated files; the n-th has the seed `first + n`, of which `began` hears before it is read. */
export async function fuzz(count: number, first = 1, began: (seed: number) => void = () => {}): Promise<Findings> {
  const files = seeds();
  const faults: Fault[] = [];
  let loaded = 0;
  let refused = 0;
  for (let seed = first; seed < first + count; seed++) {
    began(seed);
    const random = randomFrom(seed);
    const { name, bytes, read } = files[random(files.length)]!;
    const inside = isArchive(bytes) && !name.startsWith("damaged") && random(3) > 0;
    const mutated = inside ? mutateInside(bytes, random) : mutate(bytes, random);
    const reader = read[random(read.length)]!;
    const before = { seconds: cpuSeconds(), bytes: process.memoryUsage().arrayBuffers };
    try {
      await reader(mutated);
      loaded++;
    } catch (error) {
      refused++;
      if (!isClear(error)) faults.push({ name, seed, what: String((error as Error).stack ?? error) });
    }
    const seconds = cpuSeconds() - before.seconds;
    if (seconds > mostSeconds) faults.push({ name, seed, what: `took ${seconds.toFixed(1)} s of the processor` });
    const grown = process.memoryUsage().arrayBuffers - before.bytes;
    if (grown > mostBytes) faults.push({ name, seed, what: `took ${grown} bytes for ${mutated.length}` });
  }
  if ({}.constructor !== Object || Object.keys(Object.prototype).length > 0) {
    faults.push({ name: "all", seed: first, what: "Object.prototype was changed" });
  }
  return { loaded, refused, faults };
}
