/** PyTorch's CPU generator: the Mersenne Twister, its seeds, its 5056 bytes of state, and its cached normal sample. */
import { cpu, type Device, device } from "./device.ts";
import { check, RuntimeError, typeName } from "./errors.ts";
import type { Tensor } from "./tensor.ts";

const words = 624;
const shift = 397;

/** What a generator that nobody seeded starts from (c10/core/GeneratorImpl.h). */
const defaultSeed = 67280421310721n;

/*
 * The bytes of `torch.get_rng_state()`, as aten/src/ATen/CPUGeneratorImpl.cpp lays them out: seed (u64), left and seeded
 * (i32), next (u64), 624 words (u64 each), normal_x, normal_y, normal_rho (f64), normal_is_valid (i32, padded), the cached
 * float sample (f32) and whether there is one (u8, padded). The cached double sample is normal_y.
 */
const stateBytes = 5056;
const legacyBytes = 5048;
const at = { left: 8, seeded: 12, next: 16, words: 24, normal: 5024, hasNormal: 5040, float: 5048, hasFloat: 5052 };

/**
 * The state as a tensor; installed by ops/rng.
 * @example
 * const g = new torch.Generator().manualSeed(0);
 * torch.rand(1, { generator: g }) // tensor([0.4963])
 */
export interface Generator {
  /** The whole state, as a uint8 tensor of PyTorch's layout. */
  getState(): Tensor;
  /** Continues from a state that `getState`, or PyTorch, gave. */
  setState(state: Tensor): this;
}

/** A source of random bits: the same seeds give the same draws as PyTorch's on the CPU. */
export class Generator {
  readonly device: Device;
  #seed = defaultSeed;
  readonly #words = new Uint32Array(words);
  /** Draws until the words are made anew, counted as PyTorch counts: 1 means that the next draw refills. */
  #left = 1;
  #next = 0;
  #normal: number | null = null;
  /** Kept for the state only: no sampler on the CPU reads it. */
  #floatNormal: number | null = null;

  /** Whether a seed that nobody can foresee is still to be drawn; that waits for the first use. */
  #unseeded = false;

  constructor(on: string | Device = cpu, unforeseen = false) {
    this.device = device(on);
    check(
      this.device.type === "cpu",
      () => `Device type ${this.device.type.toUpperCase()} is not supported for torch.Generator() api.`,
    );
    if (unforeseen) this.#unseeded = true;
    else this.#start(defaultSeed);
  }

  /** Starts anew from a seed of 64 bits; a negative one counts from 2^64 down. */
  manualSeed(seed: number | bigint): this {
    const whole = typeof seed === "bigint" || (typeof seed === "number" && Number.isInteger(seed));
    check(whole, () => `manual_seed expected a long, but got ${typeName(seed)}`);
    const value = BigInt(seed);
    check(value >= -(1n << 63n) && value < 1n << 64n, () => "Overflow when unpacking long");
    this.#start(BigInt.asUintN(64, value));
    return this;
  }

  /** The seed that the draws started from. */
  initialSeed(): bigint {
    if (this.#unseeded) this.seed();
    return this.#seed;
  }

  /** Starts anew from a seed that nobody can foresee, and returns it. */
  seed(): bigint {
    const [seed = 0n] = crypto.getRandomValues(new BigUint64Array(1));
    this.#start(seed);
    return seed;
  }

  /** 32 random bits as a number from 0 to 2^32 - 1. */
  random32(): number {
    if (--this.#left === 0) this.#refill();
    let y = this.#words[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** 64 random bits: two draws, the high half first. */
  random64(): bigint {
    const high = this.random32();
    return (BigInt(high) << 32n) | BigInt(this.random32());
  }

  /** The low 53 bits of `random64`, as a number. */
  random53(): number {
    const high = this.random32() & 0x1fffff;
    return high * 0x1_0000_0000 + this.random32();
  }

  /** A float64 from [0, 1). */
  uniform(): number {
    return this.random53() * 2 ** -53;
  }

  /** A standard normal float64. Two come from each pair of uniforms (Box and Muller); the second waits for the next call. */
  normal(): number {
    const waiting = this.#normal;
    if (waiting !== null) {
      this.#normal = null;
      return waiting;
    }
    const u1 = this.uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform()));
    const angle = 2 * Math.PI * u1;
    this.#normal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** The whole state, in the bytes of PyTorch's `torch.get_rng_state()`. */
  stateBytes(): Uint8Array {
    if (this.#unseeded) this.seed();
    const bytes = new Uint8Array(stateBytes);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.#seed, true);
    view.setInt32(at.left, this.#left, true);
    view.setInt32(at.seeded, 1, true);
    view.setUint32(at.next, this.#next, true);
    for (let i = 0; i < words; i++) view.setUint32(at.words + 8 * i, this.#words[i]!, true);
    if (this.#normal !== null) {
      view.setFloat64(at.normal, this.#normal, true);
      view.setInt32(at.hasNormal, 1, true);
    }
    if (this.#floatNormal !== null) {
      view.setFloat32(at.float, this.#floatNormal, true);
      view.setUint8(at.hasFloat, 1);
    }
    return bytes;
  }

  /** Continues from a state that `stateBytes`, or PyTorch, gave. */
  setStateBytes(state: Uint8Array): this {
    if (!(state instanceof Uint8Array)) throw new TypeError("RNG state must be a torch.ByteTensor");
    check(
      state.length === stateBytes,
      () =>
        `Expected either a CPUGeneratorImplStateLegacy of size ${legacyBytes} or a CPUGeneratorImplState of size ` +
        `${stateBytes} but found the input RNG state size to be ${state.length}`,
    );
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    const left = view.getInt32(at.left, true);
    const next = view.getUint32(at.next, true);
    const seeded = view.getInt32(at.seeded, true) !== 0;
    // The last word is never read past: PyTorch checks left and next apart, but draws only where they agree.
    const valid = seeded && left > 0 && left <= words && next <= words && (left === 1 || next + left <= words + 1);
    if (!valid) throw new RuntimeError("Invalid mt19937 state");
    this.#seed = view.getBigUint64(0, true);
    this.#left = left;
    this.#next = next;
    for (let i = 0; i < words; i++) this.#words[i] = view.getUint32(at.words + 8 * i, true);
    this.#normal = view.getInt32(at.hasNormal, true) === 0 ? null : view.getFloat64(at.normal, true);
    this.#floatNormal = view.getUint8(at.hasFloat) === 0 ? null : view.getFloat32(at.float, true);
    this.#unseeded = false;
    return this;
  }

  #start(seed: bigint): void {
    this.#unseeded = false;
    this.#seed = seed;
    const s = this.#words;
    s[0] = Number(BigInt.asUintN(32, seed));
    for (let j = 1; j < words; j++) {
      const previous = s[j - 1]!;
      s[j] = Math.imul(1812433253, previous ^ (previous >>> 30)) + j;
    }
    this.#left = 1;
    this.#next = 0;
    this.#normal = null;
    this.#floatNormal = null;
  }

  #refill(): void {
    if (this.#unseeded) this.seed();
    const s = this.#words;
    for (let j = 0; j < words - shift; j++) s[j] = s[j + shift]! ^ twist(s[j]!, s[j + 1]!);
    for (let j = words - shift; j < words - 1; j++) s[j] = s[j + shift - words]! ^ twist(s[j]!, s[j + 1]!);
    s[words - 1] = s[shift - 1]! ^ twist(s[words - 1]!, s[0]!);
    this.#left = words;
    this.#next = 0;
  }
}

/** The recurrence of the Mersenne Twister (Matsumoto and Nishimura 1998), for one pair of neighbouring words. */
function twist(u: number, v: number): number {
  const mixed = (u & 0x80000000) | (v & 0x7fffffff);
  return (mixed >>> 1) ^ (-(v & 1) & 0x9908b0df);
}

/**
 * The generator that draws when none is named; as PyTorch's, it starts from a seed that nobody can foresee.
 * @example torch.defaultGenerator.manualSeed(0) === torch.defaultGenerator // true
 */
export const defaultGenerator: Generator = new Generator(cpu, true);
