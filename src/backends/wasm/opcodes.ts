/** WebAssembly's instructions as tables: name, encoding, and what each takes from and leaves on the stack. */

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** The words of a string, as a union. */
type Words<S extends string, Found = never> = S extends `${infer Word} ${infer Rest}`
  ? Words<Rest, Found | Word>
  : Found | S;

/**
 * Plain instructions: prefix byte (0: none), code of the first name, type prefix, stack effect, consecutive names.
 * Effects: i l f d v = i32 i64 f32 f64 v128, operands before the `>`. A name "-" is a hole in the numbering.
 */
const PLAIN = [
  [0, 0x45, "i32", "i>i", "eqz"],
  [0, 0x46, "i32", "ii>i", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [0, 0x50, "i64", "l>i", "eqz"],
  [0, 0x51, "i64", "ll>i", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [0, 0x5b, "f32", "ff>i", "eq ne lt gt le ge"],
  [0, 0x61, "f64", "dd>i", "eq ne lt gt le ge"],
  [0, 0x67, "i32", "i>i", "clz ctz popcnt"],
  [0, 0x6a, "i32", "ii>i", "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"],
  [0, 0x79, "i64", "l>l", "clz ctz popcnt"],
  [0, 0x7c, "i64", "ll>l", "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"],
  [0, 0x8b, "f32", "f>f", "abs neg ceil floor trunc nearest sqrt"],
  [0, 0x92, "f32", "ff>f", "add sub mul div min max copysign"],
  [0, 0x99, "f64", "d>d", "abs neg ceil floor trunc nearest sqrt"],
  [0, 0xa0, "f64", "dd>d", "add sub mul div min max copysign"],
  [0, 0xa7, "i32", "l>i", "wrap_i64"],
  [0, 0xac, "i64", "i>l", "extend_i32_s extend_i32_u"],
  [0, 0xb2, "f32", "i>f", "convert_i32_s convert_i32_u"],
  [0, 0xb4, "f32", "l>f", "convert_i64_s convert_i64_u"],
  [0, 0xb6, "f32", "d>f", "demote_f64"],
  [0, 0xb7, "f64", "i>d", "convert_i32_s convert_i32_u"],
  [0, 0xb9, "f64", "l>d", "convert_i64_s convert_i64_u"],
  [0, 0xbb, "f64", "f>d", "promote_f32"],
  [0, 0xbc, "i32", "f>i", "reinterpret_f32"],
  [0, 0xbd, "i64", "d>l", "reinterpret_f64"],
  [0, 0xbe, "f32", "i>f", "reinterpret_i32"],
  [0, 0xbf, "f64", "l>d", "reinterpret_i64"],
  [0, 0xc0, "i32", "i>i", "extend8_s extend16_s"],
  [0, 0xc2, "i64", "l>l", "extend8_s extend16_s extend32_s"],
  [0xfc, 0x00, "i32", "f>i", "trunc_sat_f32_s trunc_sat_f32_u"],
  [0xfc, 0x02, "i32", "d>i", "trunc_sat_f64_s trunc_sat_f64_u"],
  [0xfc, 0x04, "i64", "f>l", "trunc_sat_f32_s trunc_sat_f32_u"],
  [0xfc, 0x06, "i64", "d>l", "trunc_sat_f64_s trunc_sat_f64_u"],
  [0xfd, 0x0e, "i8x16", "vv>v", "swizzle"],
  [0xfd, 0x0f, "i8x16", "i>v", "splat"],
  [0xfd, 0x10, "i16x8", "i>v", "splat"],
  [0xfd, 0x11, "i32x4", "i>v", "splat"],
  [0xfd, 0x12, "i64x2", "l>v", "splat"],
  [0xfd, 0x13, "f32x4", "f>v", "splat"],
  [0xfd, 0x14, "f64x2", "d>v", "splat"],
  [0xfd, 0x23, "i8x16", "vv>v", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [0xfd, 0x2d, "i16x8", "vv>v", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [0xfd, 0x37, "i32x4", "vv>v", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"],
  [0xfd, 0x41, "f32x4", "vv>v", "eq ne lt gt le ge"],
  [0xfd, 0x47, "f64x2", "vv>v", "eq ne lt gt le ge"],
  [0xfd, 0x4d, "v128", "v>v", "not"],
  [0xfd, 0x4e, "v128", "vv>v", "and andnot or xor"],
  [0xfd, 0x52, "v128", "vvv>v", "bitselect"],
  [0xfd, 0x53, "v128", "v>i", "any_true"],
  [0xfd, 0x5e, "f32x4", "v>v", "demote_f64x2_zero"],
  [0xfd, 0x5f, "f64x2", "v>v", "promote_low_f32x4"],
  [0xfd, 0x60, "i8x16", "v>v", "abs neg popcnt"],
  [0xfd, 0x63, "i8x16", "v>i", "all_true bitmask"],
  [0xfd, 0x65, "i8x16", "vv>v", "narrow_i16x8_s narrow_i16x8_u"],
  [0xfd, 0x67, "f32x4", "v>v", "ceil floor trunc nearest"],
  [0xfd, 0x6b, "i8x16", "vi>v", "shl shr_s shr_u"],
  [0xfd, 0x6e, "i8x16", "vv>v", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u"],
  [0xfd, 0x74, "f64x2", "v>v", "ceil floor"],
  [0xfd, 0x76, "i8x16", "vv>v", "min_s min_u max_s max_u"],
  [0xfd, 0x7a, "f64x2", "v>v", "trunc"],
  [0xfd, 0x7b, "i8x16", "vv>v", "avgr_u"],
  [0xfd, 0x7c, "i16x8", "v>v", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"],
  [0xfd, 0x7e, "i32x4", "v>v", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"],
  [0xfd, 0x80, "i16x8", "v>v", "abs neg"],
  [0xfd, 0x83, "i16x8", "v>i", "all_true bitmask"],
  [0xfd, 0x85, "i16x8", "vv>v", "narrow_i32x4_s narrow_i32x4_u"],
  [0xfd, 0x87, "i16x8", "v>v", "extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u"],
  [0xfd, 0x8b, "i16x8", "vi>v", "shl shr_s shr_u"],
  [0xfd, 0x8e, "i16x8", "vv>v", "add add_sat_s add_sat_u sub sub_sat_s sub_sat_u"],
  [0xfd, 0x94, "f64x2", "v>v", "nearest"],
  [0xfd, 0x95, "i16x8", "vv>v", "mul min_s min_u max_s max_u"],
  [0xfd, 0xa0, "i32x4", "v>v", "abs neg"],
  [0xfd, 0xa3, "i32x4", "v>i", "all_true bitmask"],
  [0xfd, 0xa7, "i32x4", "v>v", "extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u"],
  [0xfd, 0xab, "i32x4", "vi>v", "shl shr_s shr_u"],
  [0xfd, 0xae, "i32x4", "vv>v", "add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s"],
  [0xfd, 0xbc, "i32x4", "vv>v", "extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u"],
  [0xfd, 0xc0, "i64x2", "v>v", "abs neg"],
  [0xfd, 0xc3, "i64x2", "v>i", "all_true bitmask"],
  [0xfd, 0xc7, "i64x2", "v>v", "extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u"],
  [0xfd, 0xcb, "i64x2", "vi>v", "shl shr_s shr_u"],
  [0xfd, 0xce, "i64x2", "vv>v", "add - - sub - - - mul eq ne lt_s gt_s le_s ge_s"],
  [0xfd, 0xdc, "i64x2", "vv>v", "extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u"],
  [0xfd, 0xe0, "f32x4", "v>v", "abs neg - sqrt"],
  [0xfd, 0xe4, "f32x4", "vv>v", "add sub mul div min max pmin pmax"],
  [0xfd, 0xec, "f64x2", "v>v", "abs neg - sqrt"],
  [0xfd, 0xf0, "f64x2", "vv>v", "add sub mul div min max pmin pmax"],
  [0xfd, 0xf8, "i32x4", "v>v", "trunc_sat_f32x4_s trunc_sat_f32x4_u"],
  [0xfd, 0xfa, "f32x4", "v>v", "convert_i32x4_s convert_i32x4_u"],
  [0xfd, 0xfc, "i32x4", "v>v", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"],
  [0xfd, 0xfe, "f64x2", "v>v", "convert_low_i32x4_s convert_low_i32x4_u"],
  [0xfd, 0x105, "f32x4", "vvv>v", "relaxed_madd relaxed_nmadd"],
  [0xfd, 0x107, "f64x2", "vvv>v", "relaxed_madd relaxed_nmadd"],
] as const;

/** Instructions followed by one lane number. */
const LANE = [
  [0xfd, 0x15, "i8x16", "v>i", "extract_lane_s extract_lane_u"],
  [0xfd, 0x17, "i8x16", "vi>v", "replace_lane"],
  [0xfd, 0x18, "i16x8", "v>i", "extract_lane_s extract_lane_u"],
  [0xfd, 0x1a, "i16x8", "vi>v", "replace_lane"],
  [0xfd, 0x1b, "i32x4", "v>i", "extract_lane"],
  [0xfd, 0x1c, "i32x4", "vi>v", "replace_lane"],
  [0xfd, 0x1d, "i64x2", "v>l", "extract_lane"],
  [0xfd, 0x1e, "i64x2", "vl>v", "replace_lane"],
  [0xfd, 0x1f, "f32x4", "v>f", "extract_lane"],
  [0xfd, 0x20, "f32x4", "vf>v", "replace_lane"],
  [0xfd, 0x21, "f64x2", "v>d", "extract_lane"],
  [0xfd, 0x22, "f64x2", "vd>v", "replace_lane"],
] as const;

/** Instructions followed by an alignment and an offset; the address comes first on the stack. */
const LOAD = [
  [0, 0x28, "i32", "i>i", "load"],
  [0, 0x29, "i64", "i>l", "load"],
  [0, 0x2a, "f32", "i>f", "load"],
  [0, 0x2b, "f64", "i>d", "load"],
  [0, 0x2c, "i32", "i>i", "load8_s load8_u load16_s load16_u"],
  [0, 0x30, "i64", "i>l", "load8_s load8_u load16_s load16_u load32_s load32_u"],
  [0xfd, 0x00, "v128", "i>v", "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u"],
  [0xfd, 0x07, "v128", "i>v", "load8_splat load16_splat load32_splat load64_splat"],
  [0xfd, 0x5c, "v128", "i>v", "load32_zero load64_zero"],
] as const;

const STORE = [
  [0, 0x36, "i32", "ii>", "store"],
  [0, 0x37, "i64", "il>", "store"],
  [0, 0x38, "f32", "if>", "store"],
  [0, 0x39, "f64", "id>", "store"],
  [0, 0x3a, "i32", "ii>", "store8 store16"],
  [0, 0x3c, "i64", "il>", "store8 store16 store32"],
  [0xfd, 0x0b, "v128", "iv>", "store"],
] as const;

/** As loads and stores, followed by a lane number too. */
const MEMORY_LANE = [
  [0xfd, 0x54, "v128", "iv>v", "load8_lane load16_lane load32_lane load64_lane"],
  [0xfd, 0x58, "v128", "iv>", "store8_lane store16_lane store32_lane store64_lane"],
] as const;

type Row = readonly [prefix: number, first: number, type: string, effect: string, names: string];
type Names<R extends Row> = R extends readonly [number, number, infer T extends string, string, infer N extends string]
  ? `${T}.${Exclude<Words<N>, "-">}`
  : never;

/** Instructions without operands in the code, such as `f32x4.add`. */
export type PlainOp = Names<(typeof PLAIN)[number]>;
/** Instructions with a lane number, such as `f32x4.extract_lane`. */
export type LaneOp = Names<(typeof LANE)[number]>;
export type LoadOp = Names<(typeof LOAD)[number]>;
export type StoreOp = Names<(typeof STORE)[number]>;
/** Loads and stores of one lane of a vector, such as `v128.load32_lane`. */
export type MemoryLaneOp = Names<(typeof MEMORY_LANE)[number]>;
export type Opcode = PlainOp | LaneOp | LoadOp | StoreOp | MemoryLaneOp;

export interface Instruction {
  /** The encoded bytes, without immediates. */
  readonly bytes: readonly number[];
  readonly takes: readonly ValueType[];
  readonly gives: ValueType | null;
  /** Log2 of the bytes moved: the natural alignment of memory instructions. */
  readonly align: number;
}

const TYPE_LETTERS: Readonly<Record<string, ValueType>> = { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" };
const TYPE_ALIGN: Readonly<Record<string, number>> = { i32: 2, f32: 2, i64: 3, f64: 3, v128: 4 };

function naturalAlign(type: string, name: string): number {
  if (/x\d/.test(name)) return 3; // load8x8, load16x4, load32x2: eight bytes
  const bits = /\d+/.exec(name);
  return bits === null ? (TYPE_ALIGN[type] ?? 0) : Math.log2(Number(bits[0]) / 8);
}

/** Codes above 127 after the prefix are LEB128. */
function encode(prefix: number, code: number): number[] {
  if (prefix === 0) return [code];
  return code < 0x80 ? [prefix, code] : [prefix, (code & 0x7f) | 0x80, code >> 7];
}

function build(rows: readonly Row[], into: Map<string, Instruction>): void {
  for (const [prefix, first, type, effect, names] of rows) {
    const [operands = "", result = ""] = effect.split(">");
    const takes = [...operands].map((letter) => TYPE_LETTERS[letter]!);
    const gives = TYPE_LETTERS[result] ?? null;
    names.split(" ").forEach((name, position) => {
      if (name === "-") return;
      const align = naturalAlign(type, name);
      into.set(`${type}.${name}`, { bytes: encode(prefix, first + position), takes, gives, align });
    });
  }
}

/** Every instruction by its name in the text format. */
export const instructions: ReadonlyMap<string, Instruction> = (() => {
  const all = new Map<string, Instruction>();
  for (const rows of [PLAIN, LANE, LOAD, STORE, MEMORY_LANE]) build(rows, all);
  return all;
})();
