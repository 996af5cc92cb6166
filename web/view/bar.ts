/** Bars of bytes as SVG paths: which bytes a name touches, and which of them others touch, too. */
import { cells, type MappedStorage, type MappedTensor, reached, type Shared, split } from "cresset/drawing";
import { svg, type TemplateResult } from "lit-html";

/** Paths by kind; an empty one is not drawn. */
interface Paths {
  readonly own: string;
  readonly ownPart: string;
  readonly shared: string;
  readonly sharedPart: string;
  /** Whether elements stand so close that dots on them would only be noise. */
  readonly narrow: boolean;
}

/** Elements up to which each is drawn apart. */
const mostApart = 64;

const drawn = new WeakMap<object, { width: number; paths: Paths }>();
const shares = new WeakMap<MappedStorage, { width: number; shared: readonly Shared[] }>();

function sharedOf(storage: MappedStorage, width: number): readonly Shared[] {
  const known = shares.get(storage);
  if (known?.width === width) return known.shared;
  const shared = reached(storage, { most: width });
  shares.set(storage, { width, shared });
  return shared;
}

/** A rectangle as part of a path, at least a pixel wide. */
function box(from: number, to: number, height: number): string {
  const [x, w] = [Math.round(from * 100) / 100, Math.max(1, Math.round((to - from) * 100) / 100)];
  return `M${x} 0h${w}v${height}h${-w}z`;
}

/** Where elements stand apart: a path with gaps at the edges of `step` pixels. */
function pieces(from: number, to: number, step: number, height: number): string {
  let path = "";
  for (let at = from; at < to - 0.01; at += step) path += box(at + 0.75, Math.min(at + step, to) - 0.75, height);
  return path;
}

function pathsOf(tensor: MappedTensor | null, storage: MappedStorage, width: number, height: number): Paths {
  const scale = width / Math.max(1, storage.bytes);
  const shared = sharedOf(storage, width);
  const item = tensor?.itemsize ?? Math.min(...storage.tensors.map(({ itemsize }) => itemsize));
  const apart = storage.bytes / item <= mostApart;
  const draw = (start: number, end: number): string =>
    apart ? pieces(start * scale, end * scale, item * scale, height) : box(start * scale, end * scale, height);
  const narrow = apart && item * scale < 14;
  const paths = { own: "", ownPart: "", shared: "", sharedPart: "", narrow };
  if (tensor === null) {
    for (const { start, end, names } of shared) paths[names > 1 ? "shared" : "own"] += draw(start, end);
    return paths;
  }
  const runs = cells(tensor, { from: 0, to: storage.bytes, most: width });
  for (const { run, shared: both } of split(runs, shared)) {
    const key = both ? (run.full ? "shared" : "sharedPart") : run.full ? "own" : "ownPart";
    paths[key] += run.full ? draw(run.start, run.end) : box(run.start * scale, run.end * scale, height);
  }
  return paths;
}

function cached(tensor: MappedTensor | null, storage: MappedStorage, width: number, height: number): Paths {
  const key = tensor ?? storage;
  const known = drawn.get(key);
  if (known?.width === width) return known.paths;
  const paths = pathsOf(tensor, storage, width, height);
  drawn.set(key, { width, paths });
  return paths;
}

/** The inside of an SVG of `width` by `height` pixels: a storage, or one of its names. */
export function bar(
  storage: MappedStorage,
  tensor: MappedTensor | null,
  width: number,
  height: number,
  drifted: boolean,
): TemplateResult {
  const { own, ownPart, shared, sharedPart, narrow } = cached(tensor, storage, Math.max(16, Math.floor(width)), height);
  const stripes = drifted ? `${own}${ownPart}${shared}${sharedPart}` : "";
  return svg`<path class="own" d=${own}></path><path class="own part" d=${ownPart}></path>
    <path class="shared" d=${shared}></path><path class="shared part" d=${sharedPart}></path>
    <path class="dots" d=${narrow ? "" : shared}></path><path class="gaps" d=${ownPart + sharedPart}></path>
    <path class="stripes" d=${stripes}></path>`;
}

/** Patterns that bars use, once per page. */
export function patterns(): TemplateResult {
  return svg`<svg class="patterns" aria-hidden="true" width="0" height="0"><defs>
    <pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse">
      <circle cx="3" cy="3" r="1"></circle></pattern>
    <pattern id="gaps" width="3" height="3" patternUnits="userSpaceOnUse"><path d="M1 0v3"></path></pattern>
    <pattern id="stripes" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <path class="edge" d="M1 0v8"></path><path d="M1 0v8"></path></pattern>
  </defs></svg>`;
}
