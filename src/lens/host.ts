/** Memory that typed arrays share with tensors: whether both sides write to it. */
import type { Storage } from "../core/storage.ts";
import { onSettle } from "../core/warnings.ts";
import { advise } from "./advice.ts";

/** What is known of shared memory. */
interface Shared {
  hash: number;
  userWrote: boolean;
  libraryWrote: boolean;
  told: boolean;
}

const shared = new WeakMap<Storage, Shared>();
/** Shared memory that the library wrote to, to be looked at again; a few are enough. */
let watched: WeakRef<Storage>[] = [];
const mostWatched = 16;
/** Words read per look: all of 64 KB, a sample spread over more. A look takes 20 us at most. */
const mostWords = 16384;

/** A number that very likely changes when the bytes do (FNV-1a over words, as its authors propose for speed). */
function hashOf(storage: Storage): number {
  const { host, hostOffset, nbytes } = storage;
  if (host === null) return 0;
  const aligned = hostOffset % 4 === 0 && nbytes % 4 === 0;
  const words = aligned ? new Uint32Array(host, hostOffset, nbytes / 4) : new Uint8Array(host, hostOffset, nbytes);
  const step = Math.max(1, Math.ceil(words.length / mostWords));
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i += step) {
    hash = Math.imul(hash ^ words[i]!, 0x01000193);
    hash ^= hash >>> 15; // else the high bits of a word never reach the low bits of the result
  }
  return hash;
}

/** User code and the library share this memory from now on. */
export function onShare(storage: Storage): void {
  shared.set(storage, { hash: hashOf(storage), userWrote: false, libraryWrote: false, told: false });
}

/** The library is about to write; what is returned is to be called when it has. */
export function beforeWrite(storage: Storage): () => void {
  let state = shared.get(storage);
  if (state === undefined) {
    onShare(storage);
    state = shared.get(storage)!;
  }
  const mine = state;
  look(storage, mine);
  return () => {
    if (!mine.libraryWrote) watched = [new WeakRef(storage), ...watched].slice(0, mostWatched);
    mine.libraryWrote = true;
    mine.hash = hashOf(storage);
    tell(mine);
  };
}

/** Looks whether user code wrote to memory that the library wrote to before. */
function lookAtShared(): void {
  if (watched.length === 0) return;
  for (const ref of watched) {
    const storage = ref.deref();
    const state = storage === undefined ? undefined : shared.get(storage);
    if (storage === undefined || state === undefined || state.told) continue;
    look(storage, state);
    tell(state);
  }
  watched = watched.filter((ref) => {
    const storage = ref.deref();
    return storage !== undefined && shared.get(storage)?.told === false;
  });
}

onSettle(lookAtShared);

function look(storage: Storage, state: Shared): void {
  if (state.told || state.userWrote) return;
  state.userWrote = hashOf(storage) !== state.hash;
}

function tell(state: Shared): void {
  if (!state.userWrote || !state.libraryWrote || state.told) return;
  state.told = true;
  advise("array-written-by-both");
}
