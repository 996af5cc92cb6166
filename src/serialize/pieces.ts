/** Files in pieces: what writers make and outputs take. */
import { check } from "../core/errors.ts";
import { join } from "./input.ts";

/**
 * A file in pieces. A promise among them is not written: who takes the pieces awaits it and gives its bytes to `next`.
 * So one generator serves bytes that are here and bytes that must be read first.
 */
export type Pieces = Generator<Uint8Array | Promise<Uint8Array>, void, Uint8Array | undefined>;

/** Within a generator of pieces: bytes that may have to be awaited. */
export function* arrived(
  data: Uint8Array | Promise<Uint8Array>,
): Generator<Promise<Uint8Array>, Uint8Array, Uint8Array | undefined> {
  if (!(data instanceof Promise)) return data;
  data.catch(() => {}); // whoever does not await it has no use for its error
  const bytes = yield data;
  check(bytes !== undefined, () => "serialize(): a LazyTensor has to be read first, which `await save()` does");
  return bytes;
}

/** Gives every piece to `use`; synchronously, with nothing to wait for, as long as neither has to wait. */
export function pump(pieces: Pieces, use: (bytes: Uint8Array) => Promise<void> | void): Promise<void> | undefined {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return undefined;
    const waiting = value instanceof Promise ? value : use(value);
    if (waiting !== undefined) return later(pieces, use, waiting);
  }
}

async function later(
  pieces: Pieces,
  use: (bytes: Uint8Array) => Promise<void> | void,
  first: Promise<Uint8Array | void>,
): Promise<void> {
  try {
    let given = await first;
    for (;;) {
      const { done, value } = pieces.next(given ?? undefined);
      if (done) return;
      given = value instanceof Promise ? await value : await use(value);
    }
  } finally {
    pieces.return();
  }
}

/** The file as one piece. */
export function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const piece of pieces) if (!(piece instanceof Promise)) parts.push(piece);
  return join(parts);
}

/** Pieces that are all there. */
export function* piecesOf(chunks: Iterable<Uint8Array>): Pieces {
  for (const chunk of chunks) yield chunk;
}

/** The same pieces; `progress` hears of each that was taken. */
export function* withProgress(pieces: Pieces, progress: ((bytes: number) => void) | undefined): Pieces {
  if (progress === undefined) return yield* pieces;
  let given: Uint8Array | undefined;
  try {
    for (;;) {
      const { done, value } = pieces.next(given);
      if (done) return;
      given = yield value;
      if (value instanceof Uint8Array) progress(value.length);
    }
  } finally {
    pieces.return();
  }
}
