/** erf in float32: an odd polynomial near 0, and 1 - e^p(|x|) beyond. */
import type { Formula, Term } from "../lanes.ts";
import type { Local } from "../module.ts";
import { expBounded } from "./exponential.ts";

/** erf x / x - 1 in x^2, |x| <= 0.9 (Remez); the leading 2 / sqrt(pi) - 1 keeps small results exact. */
const NEAR = [
  0.1283791667643786, -0.3761263497969197, 0.11283715030468983, -0.026860508345411285, 0.005203858898435392,
  -0.0008175636599616485, 0.00008513093586039606,
];
/** log(1 - erf x), 0.9 <= x <= 3.95. */
const FAR = [
  0.00016920665322805366, -1.129488413840328, -0.6334008358009078, -0.1082204006302425, 0.02508062717901508,
  -0.004156258939520565, 0.0004313943849494548, -0.000020828687938471716,
];
const SIGN_BIT = 0x80000000 | 0;

/** The error function. */
export function erf(v: Formula, x: Local): Term {
  const size = v.let(v.abs(x));
  const square = v.let(v.mul(size, size));
  const near = v.multiplyAdd(size, v.poly(square, NEAR), size);
  const bounded = v.let(v.pmin(size, 3.95)); // erf is 1 beyond
  const complement = expBounded(v, v.let(v.poly(bounded, FAR))).value;
  const value = v.select(v.gt(size, 0.9), v.sub(1, complement), near); // near also keeps a NaN
  return v.or(value, v.and(x, SIGN_BIT));
}
