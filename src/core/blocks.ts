/** A two-level segregated-fit allocator over units of an address space, with all bookkeeping outside of it. */

// One record per block, in one typed array: neighbours in space, neighbours in the list of its size class.
const START = 0;
const SIZE = 1;
const PREVIOUS = 2;
const NEXT = 3;
const BEFORE = 4;
const AFTER = 5;
const USED = 6;
const FIELDS = 8;

// A row of classes per power of two, each split in 32: a search skips at most 1/32 of fitting sizes.
const SPLIT_BITS = 5;
const SPLIT = 1 << SPLIT_BITS;
const ROWS = 24;

// Where a used block's record is found by its start: pages of 2^14 units, made when first needed.
const PAGE_BITS = 14;
const PAGE_MASK = (1 << PAGE_BITS) - 1;
const NO_PAGE = new Int32Array(0);

// A list whose blocks may or may not fit is looked through this far before giving up.
const LOOK = 64;

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);

/** The size class of a block: a row and a place in it, as one number. */
function classOf(size: number): number {
  if (size < SPLIT) return size;
  const log = 31 - Math.clz32(size);
  return ((log - SPLIT_BITS + 1) << SPLIT_BITS) | ((size >> (log - SPLIT_BITS)) & (SPLIT - 1));
}

/** The smallest class all of whose blocks hold `size`. */
function classAbove(size: number): number {
  if (size < SPLIT) return size;
  return classOf(size + (1 << (31 - Math.clz32(size) - SPLIT_BITS)) - 1);
}

/** Blocks of units, at most 2^26 of them; neighbours that are free are always one block. */
export class Blocks {
  #records: Int32Array = new Int32Array(FIELDS * 1024);
  /** Records given back, linked by `NEXT`; record 0 stands for none. */
  #spare = 0;
  #unusedRecords: number = FIELDS;
  #last = 0;
  #end: number;
  readonly #heads: Int32Array = new Int32Array(ROWS * SPLIT);
  readonly #filled: Int32Array = new Int32Array(ROWS);
  #filledRows = 0;
  readonly #pages: Int32Array[] = [];

  /** An empty space whose first unit will be `start` (> 0). */
  constructor(start: number) {
    this.#end = start;
  }

  /** Free units at the very end, which `extend` would make longer. */
  get tail(): number {
    return this.#last !== 0 && this.#records[this.#last + USED] === 0 ? this.#records[this.#last + SIZE]! : 0;
  }

  /** Appends `units` free units. */
  extend(units: number): void {
    let block = this.#last;
    if (block !== 0 && this.#records[block + USED] === 0) {
      this.#unlink(block);
      this.#records[block + SIZE]! += units;
    } else {
      block = this.#record(this.#end, units, this.#last, 0);
      if (this.#last !== 0) this.#records[this.#last + NEXT] = block;
      this.#last = block;
    }
    this.#end += units;
    this.#link(block);
  }

  /** Takes `units` and returns the first of them, or -1 when no free block is long enough. */
  take(units: number): number {
    const block = this.#find(units);
    if (block === 0) return -1;
    this.#unlink(block);
    if (this.#records[block + SIZE]! > units) this.#split(block, units);
    const records = this.#records;
    records[block + USED] = 1;
    const start = records[block + START]!;
    let page = this.#pages[start >> PAGE_BITS];
    if (page === undefined || page === NO_PAGE) page = this.#addPage(start >> PAGE_BITS);
    page[start & PAGE_MASK] = block;
    return start;
  }

  /** Gives back the block that starts at `start` and returns its size, or -1 when there is none. */
  give(start: number): number {
    const page = this.#pages[start >> PAGE_BITS];
    if (page === undefined || page === NO_PAGE) return -1;
    const given = page[start & PAGE_MASK]!;
    if (given === 0) return -1;
    page[start & PAGE_MASK] = 0;
    const records = this.#records;
    const size = records[given + SIZE]!;
    records[given + USED] = 0;
    const next = records[given + NEXT]!;
    if (next !== 0 && records[next + USED] === 0) {
      this.#unlink(next);
      this.#absorbNext(given, next);
    }
    const previous = records[given + PREVIOUS]!;
    if (previous !== 0 && records[previous + USED] === 0) {
      this.#unlink(previous);
      this.#absorbNext(previous, given);
      this.#link(previous);
    } else {
      this.#link(given);
    }
    return size;
  }

  #find(units: number): number {
    const above = classAbove(units);
    let row = above >> SPLIT_BITS;
    if (row < ROWS) {
      let places = this.#filled[row]! & (-1 << (above & (SPLIT - 1)));
      if (places === 0) {
        const rows = this.#filledRows & (-2 << row);
        if (rows === 0) return this.#look(units);
        row = lowestBit(rows);
        places = this.#filled[row]!;
      }
      return this.#heads[(row << SPLIT_BITS) | lowestBit(places)]!;
    }
    return this.#look(units);
  }

  /** Some block of the class of `units` itself may be long enough. */
  #look(units: number): number {
    let block = this.#heads[classOf(units)]!;
    for (let i = 0; i < LOOK && block !== 0; i++) {
      if (this.#records[block + SIZE]! >= units) return block;
      block = this.#records[block + AFTER]!;
    }
    return 0;
  }

  #link(block: number): void {
    const records = this.#records;
    const place = classOf(records[block + SIZE]!);
    const head = this.#heads[place]!;
    records[block + BEFORE] = 0;
    records[block + AFTER] = head;
    if (head !== 0) records[head + BEFORE] = block;
    this.#heads[place] = block;
    const row = place >> SPLIT_BITS;
    this.#filled[row]! |= 1 << (place & (SPLIT - 1));
    this.#filledRows |= 1 << row;
  }

  #unlink(block: number): void {
    const records = this.#records;
    const before = records[block + BEFORE]!;
    const after = records[block + AFTER]!;
    if (after !== 0) records[after + BEFORE] = before;
    if (before !== 0) {
      records[before + AFTER] = after;
      return;
    }
    const place = classOf(records[block + SIZE]!);
    this.#heads[place] = after;
    if (after !== 0) return;
    const row = place >> SPLIT_BITS;
    this.#filled[row]! &= ~(1 << (place & (SPLIT - 1)));
    if (this.#filled[row] === 0) this.#filledRows &= ~(1 << row);
  }

  /** Cuts an unlinked block down to `units`; the rest becomes a free block. */
  #split(block: number, units: number): void {
    const rest = this.#record(
      this.#records[block + START]! + units,
      this.#records[block + SIZE]! - units,
      block,
      this.#records[block + NEXT]!,
    );
    const records = this.#records; // #record may have replaced it
    const next = records[block + NEXT]!;
    if (next === 0) this.#last = rest;
    else records[next + PREVIOUS] = rest;
    records[block + NEXT] = rest;
    records[block + SIZE] = units;
    this.#link(rest);
  }

  #absorbNext(block: number, next: number): void {
    const records = this.#records;
    records[block + SIZE]! += records[next + SIZE]!;
    const beyond = records[next + NEXT]!;
    records[block + NEXT] = beyond;
    if (beyond === 0) this.#last = block;
    else records[beyond + PREVIOUS] = block;
    records[next + NEXT] = this.#spare;
    this.#spare = next;
  }

  #record(start: number, size: number, previous: number, next: number): number {
    const block = this.#spare === 0 ? this.#newRecord() : this.#spare;
    const records = this.#records;
    if (block === this.#spare) this.#spare = records[block + NEXT]!;
    records[block + START] = start;
    records[block + SIZE] = size;
    records[block + PREVIOUS] = previous;
    records[block + NEXT] = next;
    records[block + USED] = 0;
    return block;
  }

  #newRecord(): number {
    if (this.#unusedRecords === this.#records.length) {
      const longer = new Int32Array(this.#records.length * 2);
      longer.set(this.#records);
      this.#records = longer;
    }
    const block = this.#unusedRecords;
    this.#unusedRecords += FIELDS;
    return block;
  }

  #addPage(index: number): Int32Array {
    // An array with holes is slower to read.
    while (this.#pages.length < index) this.#pages.push(NO_PAGE);
    const page = new Int32Array(PAGE_MASK + 1);
    this.#pages[index] = page;
    return page;
  }
}
