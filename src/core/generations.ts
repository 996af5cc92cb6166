/** Which reservations of the heap are still held: found by collecting garbage, young ones first. */
import { answersListing, type Collector, collector } from "./collector.ts";

/** A range of the heap, until its `Hold` is gone or it is released. */
export class Reservation {
  readonly address: number;
  readonly bytes: number;
  /** Whether a storage has it for itself, rather than many small ones. */
  readonly single: boolean;
  live = true;
  /** Where it stands in the list of its generation, or -1. */
  index = -1;
  list: Reservation[] | null = null;
  /** Set once it is old. */
  hold: WeakRef<Hold> | null = null;

  constructor(address: number, bytes: number, single: boolean) {
    this.address = address;
    this.bytes = bytes;
    this.single = single;
  }
}

/** What an owner keeps: as long as anybody reaches it, the reservation stays. */
export class Hold {
  readonly reservation: Reservation;

  constructor(reservation: Reservation) {
    this.reservation = reservation;
  }
}

let listed: Hold[] = [];
answersListing(Hold, (hold) => void listed.push(hold));

function put(reservation: Reservation, list: Reservation[]): void {
  reservation.list = list;
  reservation.index = list.length;
  list.push(reservation);
}

/** Takes a reservation out of its list; the last of the list takes its place. */
function drop(reservation: Reservation): void {
  const { list, index } = reservation;
  if (list === null) return;
  const last = list.pop()!;
  if (last !== reservation) {
    list[index] = last;
    last.index = index;
  }
  reservation.list = null;
}

/** One generation: its reservations, and their holds as far as those are alive. */
interface Generation {
  list: Reservation[];
  holds: WeakSet<Hold>;
}

const generation = (): Generation => ({ list: [], holds: new WeakSet() });

const smallestNursery = 8 * 2 ** 20;
const largestNursery = 512 * 2 ** 20;
const firstThreshold = 64 * 2 ** 20;
/** Bytes after which a host without a collector needs a pause. */
const strain = 256 * 2 ** 20;
/** Full collections take at most this part of the time. */
const share = 0.03;
/** Minor ones may take more, since memory that is still in the caches gains more than that. */
const minorShare = 0.2;

/** What the generations ask of their owner. */
export interface Owned {
  /** Gives a reservation's bytes back to the heap. */
  readonly free: (reservation: Reservation) => void;
  /** Bytes in use. */
  readonly alive: () => number;
  /** Lets go of what it keeps for reuse, before a collection. */
  readonly collecting: () => void;
}

/** Reservations by age. Where the host cannot collect on demand, finalizers alone give them back. */
export class Generations {
  readonly #owner: Owned;
  /** Undefined before the first reservation: making ready costs some milliseconds. */
  #host: Collector | null | undefined;
  #young: Generation = generation();
  /** Survived one minor collection. */
  #aging: Generation = generation();
  readonly #old: Reservation[] = [];
  readonly #net: FinalizationRegistry<Reservation>;
  /** Bytes reserved since the last minor collection, and after how many the next one comes. */
  #fresh = 0;
  #nursery = smallestNursery;
  /** How many works are running whose reservations stay alive until their end. */
  #together = 0;
  #calm = 0;
  #lastMinor = 0;
  /** Part of the time that minor collections take, smoothed. */
  #time = 0;
  /** Bytes that became old since the last full collection, and after how many the next one comes. */
  #grown = 0;
  #threshold = firstThreshold;
  #lastFull = 0;

  constructor(owner: Owned) {
    this.#owner = owner;
    this.#net = new FinalizationRegistry((reservation) => this.release(reservation));
  }

  /** Counts `bytes` that are about to be reserved, and collects first where that is due. */
  expect(bytes: number): void {
    this.#host ??= collector();
    this.#fresh += bytes;
    const due = this.#fresh >= this.#nursery && this.#together === 0;
    if (due && this.#host !== null) this.#collectYoung(this.#host);
  }

  /** Runs a work that keeps all that it reserves: collecting comes before it or after it, as it would be in vain inside. */
  together<R>(work: () => R): R {
    this.expect(0);
    this.#together++;
    try {
      return work();
    } finally {
      this.#together--;
    }
  }

  /** Whether so much was reserved that finalizers should get a chance to run: where nothing else gives it back. */
  get strained(): boolean {
    return this.#host === null && this.#fresh >= strain;
  }

  /** Bytes reserved since the last collection, or since `eased`. */
  get reserved(): number {
    return this.#fresh;
  }

  /** Starts counting towards `strained` anew. */
  eased(): void {
    this.#fresh = 0;
  }

  /** Takes a new reservation; it lives as long as the result. */
  add(reservation: Reservation): Hold {
    const hold = new Hold(reservation);
    if (this.#host === null) this.#net.register(hold, reservation);
    else {
      put(reservation, this.#young.list);
      this.#young.holds.add(hold);
    }
    return hold;
  }

  /** Gives a reservation back, if it was not yet. */
  release(reservation: Reservation): void {
    if (!reservation.live) return;
    reservation.live = false;
    if (this.#host === null) this.#fresh = Math.max(0, this.#fresh - reservation.bytes);
    else if (reservation.list === this.#young.list) this.#fresh -= reservation.bytes;
    drop(reservation);
    this.#owner.free(reservation);
  }

  /** A minor collection: what died young comes back, what survived twice is old. */
  #collectYoung(host: Collector): void {
    const start = performance.now();
    const before = this.#fresh;
    this.#owner.collecting();
    host.young();
    const young = this.#young;
    const aging = this.#aging;
    const [kept, grown] = [generation(), living(host, aging)];
    let survived = 0;
    for (const hold of living(host, young)) {
      survived += hold.reservation.bytes;
      drop(hold.reservation);
      put(hold.reservation, kept.list);
      kept.holds.add(hold);
    }
    for (const hold of grown) this.#promote(hold);
    this.#releaseAll(young.list);
    this.#releaseAll(aging.list);
    this.#aging = kept;
    this.#young = generation();
    this.#fresh = 0;
    const end = performance.now();
    this.#time = 0.75 * this.#time + (0.25 * (end - start)) / Math.max(end - this.#lastMinor, 1e-3);
    this.#lastMinor = end;
    this.#tuneNursery(survived / before);
    if (this.#grown >= this.#threshold) this.collect();
  }

  #promote(hold: Hold): void {
    const { reservation } = hold;
    drop(reservation);
    put(reservation, this.#old);
    reservation.hold = new WeakRef(hold);
    this.#grown += reservation.bytes;
  }

  #releaseAll(list: Reservation[]): void {
    while (list.length > 0) this.release(list.at(-1)!);
  }

  /** A nursery is as small as it can be, so that it stays in the caches, but larger than what a step needs at a time. */
  #tuneNursery(survived: number): void {
    if (survived > 0.5 || this.#time > minorShare) {
      this.#calm = 0;
      this.#time /= 2;
      this.#nursery = Math.min(this.#nursery * 2, largestNursery);
    } else if (survived > 0.1 || this.#time > minorShare / 3) {
      this.#calm = 0;
    } else if (++this.#calm === 4) {
      this.#calm = 0;
      this.#nursery = Math.max(this.#nursery / 2, smallestNursery);
    }
  }

  /**
   * A full collection; the next one comes when as much became old as makes collecting a small part of the time. Does
   * nothing where the host cannot collect on demand.
   */
  collect(): void {
    this.#host ??= collector();
    const host = this.#host;
    if (host === null) return;
    const start = performance.now();
    this.#owner.collecting();
    host.full();
    for (const { list, holds } of [this.#young, this.#aging]) {
      for (const hold of living(host, { list, holds })) this.#promote(hold);
      this.#releaseAll(list);
    }
    this.#young = generation();
    this.#aging = generation();
    for (let i = this.#old.length - 1; i >= 0; i--) {
      const reservation = this.#old[i]!;
      if (reservation.hold?.deref() === undefined) this.release(reservation);
    }
    const end = performance.now();
    const time = (end - start) / Math.max(end - this.#lastFull, 1e-3);
    this.#lastFull = end;
    const wanted = time > share ? this.#threshold * 2 : this.#threshold * 0.8;
    this.#threshold = Math.min(Math.max(firstThreshold, this.#owner.alive() / 2, wanted), 2 ** 30);
    this.#grown = 0;
    this.#fresh = 0;
  }

  /** Every reservation that was not given back yet. */
  *all(): Iterable<Reservation> {
    yield* this.#young.list;
    yield* this.#aging.list;
    yield* this.#old;
  }
}

/** The living holds of a generation whose reservations were not given back. */
function living(host: Collector, { list, holds }: Generation): Hold[] {
  if (list.length === 0) return [];
  listed = [];
  host.list(holds);
  const result = listed.filter((hold) => hold.reservation.live);
  listed = [];
  return result;
}
