/** How many bytes two strided regions have in common, exactly: by arithmetic where they nest, else by a bit set. */

/** One dim of a region: `size` times, `stride` bytes apart. */
interface Dim {
  readonly size: number;
  readonly stride: number;
}

/** Bytes in one memory: `width` of them at `start` and at every combination of the dims. */
export interface Region {
  readonly start: number;
  readonly width: number;
  readonly dims: readonly Dim[];
}

/** The bytes of a strided view; null where it has no elements. */
export function regionOf(
  at: { readonly shape: readonly number[]; readonly strides: readonly number[]; readonly offset: number },
  itemsize: number,
  base = 0,
): Region | null {
  if (at.shape.includes(0)) return null;
  const dims = at.shape
    .map((size, d): Dim => ({ size, stride: at.strides[d]! * itemsize }))
    .filter(({ size, stride }) => size > 1 && stride > 0)
    .sort((a, b) => a.stride - b.stride);
  return { start: base + at.offset * itemsize, width: itemsize, dims };
}

/** One level of a nested region: copies of the level below that do not overlap. */
interface Level {
  size: number;
  readonly stride: number;
  /** Bytes and extent of one copy. */
  readonly bytes: number;
  readonly span: number;
}

/** A region whose levels nest: a run of bytes, repeated without overlap, that repeated without overlap, … */
interface Nest {
  readonly start: number;
  readonly run: number;
  readonly levels: readonly Level[];
}

const spanOf = (run: number, top: Level | undefined): number =>
  top === undefined ? run : (top.size - 1) * top.stride + top.span;
const bytesOf = (run: number, top: Level | undefined): number => (top === undefined ? run : top.size * top.bytes);

/** The region as a nest, where its dims allow it; equal and touching dims become one. */
function nestOf({ start, width, dims }: Region): Nest | null {
  const levels: Level[] = [];
  let run = width;
  for (const { size, stride } of dims) {
    const top = levels.at(-1);
    if (top === undefined && stride <= run) run += (size - 1) * stride;
    else if (top !== undefined && stride % top.stride === 0 && stride <= top.size * top.stride) {
      top.size += (size - 1) * (stride / top.stride);
    } else if (stride >= spanOf(run, top)) {
      levels.push({ size, stride, bytes: bytesOf(run, top), span: spanOf(run, top) });
    } else return null;
  }
  return { start, run, levels };
}

/** How many of the bytes of a nest's first `depth` levels (the topmost `size` times) lie below `end`. */
function below(nest: Nest, depth: number, size: number, end: number): number {
  let sum = 0;
  let rest = end;
  let count = size;
  for (let d = depth; d > 0; d--) {
    if (rest <= 0) return sum;
    const { stride, bytes } = nest.levels[d - 1]!;
    const whole = Math.floor(rest / stride);
    if (whole >= count) return sum + count * bytes;
    sum += whole * bytes;
    rest -= whole * stride;
    count = nest.levels[d - 2]?.size ?? 1;
  }
  return sum + Math.min(Math.max(rest, 0), nest.run);
}

/** A nest's first levels, the topmost repeated `size` times (which may be fewer than the nest has). */
interface Part {
  readonly nest: Nest;
  readonly depth: number;
  readonly size: number;
}

const whole = (nest: Nest, depth: number): Part => ({ nest, depth, size: nest.levels[depth - 1]?.size ?? 1 });
const topOf = ({ nest, depth }: Part): Level => nest.levels[depth - 1]!;
const extent = ({ nest, depth, size }: Part): number =>
  depth === 0 ? nest.run : (size - 1) * nest.levels[depth - 1]!.stride + nest.levels[depth - 1]!.span;

/** The common bytes of `a`, which starts at 0, and `b`, which starts at `shift`. */
function common(a: Part, b: Part, shift: number, memo: Map<string, number>): number {
  if (shift >= extent(a) || shift + extent(b) <= 0) return 0;
  if (a.depth === 0) {
    return below(b.nest, b.depth, b.size, a.nest.run - shift) - below(b.nest, b.depth, b.size, -shift);
  }
  if (b.depth === 0) return below(a.nest, a.depth, a.size, shift + b.nest.run) - below(a.nest, a.depth, a.size, shift);
  const [strideA, strideB] = [topOf(a).stride, topOf(b).stride];
  if (strideA < strideB) return flipped(a, b, shift, memo);
  const key = `${a.depth},${a.size},${b.depth},${b.size},${shift}`;
  const known = memo.get(key);
  if (known !== undefined) return known;
  const sum = strideA === strideB ? inStep(a, b, shift, memo) : split(a, b, shift, memo);
  memo.set(key, sum);
  return sum;
}

/** Memos by direction: keys name the first part's levels. */
const reverse = new WeakMap<Map<string, number>, Map<string, number>>();

function flipped(a: Part, b: Part, shift: number, memo: Map<string, number>): number {
  let other = reverse.get(memo);
  if (other === undefined) {
    other = new Map();
    reverse.set(memo, other);
    reverse.set(other, memo);
  }
  return common(b, a, -shift, other);
}

/** Equal strides: only the distance of two copies counts, and few distances let them meet. */
function inStep(a: Part, b: Part, shift: number, memo: Map<string, number>): number {
  const { stride, span } = topOf(a);
  const first = Math.floor((-topOf(b).span - shift) / stride) + 1;
  const last = Math.ceil((span - shift) / stride) - 1;
  let sum = 0;
  for (let t = first; t <= last; t++) {
    const pairs = Math.min(a.size, b.size - t) - Math.max(0, -t);
    if (pairs > 0) {
      sum += pairs * common(whole(a.nest, a.depth - 1), whole(b.nest, b.depth - 1), shift + t * stride, memo);
    }
  }
  return sum;
}

/**
 * `a` has the larger stride: its copies one by one. Those that lie well inside `b` depend on their phase in its stride
 * alone, so one of each phase is counted for all.
 */
function split(a: Part, b: Part, shift: number, memo: Map<string, number>): number {
  const inner = whole(a.nest, a.depth - 1);
  const { stride, span } = topOf(a);
  const { stride: small, span: smallSpan } = topOf(b);
  const at = (p: number): number => trimmed(inner, b, shift - p * stride, memo);
  const first = Math.max(0, Math.floor((shift - span) / stride) + 1);
  const last = Math.min(a.size - 1, Math.ceil((shift + extent(b)) / stride) - 1);
  const from = Math.max(first, Math.ceil((shift - small + smallSpan) / stride));
  const to = Math.min(last, Math.floor((shift - span + b.size * small) / stride));
  if (from > to) return total(first, last, at);
  let sum = total(first, from - 1, at) + total(to + 1, last, at);
  const phases = Math.min(small / gcd(small, stride), to - from + 1);
  for (let r = 0; r < phases; r++) sum += Math.ceil((to - from + 1 - r) / phases) * at(from + r);
  return sum;
}

/** `common` with only those copies of `b` that `a` can meet, so that equal situations look equal. */
function trimmed(a: Part, b: Part, shift: number, memo: Map<string, number>): number {
  const { stride, span } = topOf(b);
  const first = Math.max(0, Math.floor((-shift - span) / stride) + 1);
  const last = Math.min(b.size - 1, Math.ceil((extent(a) - shift) / stride) - 1);
  if (first > last) return 0;
  return common(a, { ...b, size: last - first + 1 }, shift + first * stride, memo);
}

function total(first: number, last: number, at: (i: number) => number): number {
  let sum = 0;
  for (let i = first; i <= last; i++) sum += at(i);
  return sum;
}

function gcd(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** A region as runs of `run` bytes that do not overlap. */
export interface Runs {
  readonly run: number;
  readonly count: number;
  /** Where every run starts, in order. */
  starts(): Generator<number, void>;
  /** How many of the region's bytes lie below `end`. */
  below(end: number): number;
}

/** The region as runs, where its dims nest; null where they cross. */
export function runsOf(region: Region): Runs | null {
  const nest = nestOf(region);
  if (nest === null) return null;
  const { run, start, levels } = nest;
  const { depth, size } = whole(nest, levels.length);
  return {
    run,
    count: levels.reduce((product, level) => product * level.size, 1),
    starts: () => startsOf(levels, levels.length, start),
    below: (end) => below(nest, depth, size, end - start),
  };
}

function* startsOf(levels: readonly Level[], depth: number, start: number): Generator<number, void> {
  if (depth === 0) {
    yield start;
    return;
  }
  const { size, stride } = levels[depth - 1]!;
  for (let i = 0; i < size; i++) yield* startsOf(levels, depth - 1, start + i * stride);
}

// ---------------------------------------------------------------- any other regions

const endOf = ({ start, width, dims }: Region): number =>
  start + width + dims.reduce((sum, { size, stride }) => sum + (size - 1) * stride, 0);

/** Bits for the units of memory in `[low, high)`. */
class Bits {
  readonly #words: Uint32Array;
  readonly #low: number;
  readonly #high: number;

  constructor(low: number, high: number) {
    this.#words = new Uint32Array(Math.ceil((high - low) / 32));
    this.#low = low;
    this.#high = high;
  }

  /** Sets the bits of a region, or counts (and clears) those of its bits that are set. */
  visit(region: Region, unit: number, take: boolean): number {
    const { dims } = region;
    const index = new Array<number>(dims.length).fill(0);
    let position = region.start;
    let found = 0;
    for (;;) {
      found += this.#run(position / unit, (position + region.width) / unit, take);
      let d = 0;
      for (; d < dims.length; d++) {
        const { size, stride } = dims[d]!;
        position += stride;
        if (++index[d]! < size) break;
        position -= size * stride;
        index[d] = 0;
      }
      if (d === dims.length) return found;
    }
  }

  #run(from: number, to: number, take: boolean): number {
    let found = 0;
    for (let i = Math.max(from, this.#low) - this.#low; i < Math.min(to, this.#high) - this.#low; i++) {
      const [word, bit] = [i >>> 5, 1 << (i & 31)];
      if (!take) this.#words[word]! |= bit;
      else if ((this.#words[word]! & bit) !== 0) {
        found++;
        this.#words[word]! ^= bit;
      }
    }
    return found;
  }
}

/** The innermost dims as one run where they touch, so that fewer places are visited. */
function merged(region: Region): Region {
  let { width } = region;
  let at = 0;
  for (; at < region.dims.length && region.dims[at]!.stride <= width; at++) {
    width += (region.dims[at]!.size - 1) * region.dims[at]!.stride;
  }
  return { start: region.start, width, dims: region.dims.slice(at) };
}

function byBits(a: Region, b: Region): number {
  const numbers = [a, b].flatMap(({ start, width, dims }) => [start, width, ...dims.map(({ stride }) => stride)]);
  const unit = numbers.reduce(gcd);
  const bits = new Bits(Math.max(a.start, b.start) / unit, Math.min(endOf(a), endOf(b)) / unit);
  bits.visit(merged(a), unit, false);
  return bits.visit(merged(b), unit, true) * unit;
}

/** How many distinct bytes lie in both regions of one memory. */
export function overlapBytes(a: Region | null, b: Region | null): number {
  if (a === null || b === null || endOf(a) <= b.start || endOf(b) <= a.start) return 0;
  const [nestA, nestB] = [nestOf(a), nestOf(b)];
  if (nestA === null || nestB === null) return byBits(a, b);
  const [partA, partB] = [whole(nestA, nestA.levels.length), whole(nestB, nestB.levels.length)];
  return common(partA, partB, b.start - a.start, new Map());
}

/** How many distinct bytes a region has. */
export const distinctBytes = (region: Region | null): number => overlapBytes(region, region);
