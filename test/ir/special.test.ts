/** The special functions against known values and against the identities that define them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { special, specialFunction } from "../../src/ir/special.ts";

const f = (name: string, ...args: readonly number[]): number => specialFunction(name).fn(args[0]!, args[1]!);

/** Equal to 13 digits, relative to the expected value (or absolutely, below 1e-15). */
function expectClose(actual: number, expected: number, digits = 13): void {
  if (Object.is(actual, expected)) return;
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(10 ** -digits * Math.abs(expected) + 1e-15);
}

/** Evenly spread, where fc.double would favour the neighbourhood of 0. */
const between = (low: number, high: number) =>
  fc.integer({ min: 0, max: 1_000_003 }).map((i) => low + ((high - low) * i) / 1_000_003);
const EULER = 0.5772156649015329;
const CATALAN = 0.915965594177219;
const APERY = 1.2020569031595942;

test.each<[string, readonly number[], number]>([
  ["erf", [0.5], 0.5204998778130465],
  ["erf", [-1], -0.8427007929497149],
  ["erfc", [2], 0.004677734981047266],
  ["erfc", [10], 2.088487583762545e-45],
  ["erfcx", [1], 0.427583576155807],
  ["erfcx", [100], 0.005641613782989433],
  ["erfinv", [0.5], 0.4769362762044699],
  ["ndtri", [0.975], 1.959963984540054],
  ["ndtri", [0.5], 0],
  ["log_ndtr", [0], -Math.LN2],
  ["lgamma", [0.5], Math.log(Math.PI) / 2],
  ["lgamma", [11], Math.log(3628800)],
  ["lgamma", [-0.5], Math.log(2 * Math.sqrt(Math.PI))],
  ["lgamma", [1], 0],
  ["lgamma", [2], 0],
  ["digamma", [1], -EULER],
  ["digamma", [0.5], -EULER - 2 * Math.LN2],
  ["polygamma", [1, 1], Math.PI ** 2 / 6],
  ["polygamma", [1, 0.25], Math.PI ** 2 + 8 * CATALAN],
  ["polygamma", [2, 1], -2 * APERY],
  ["zeta", [2, 1], Math.PI ** 2 / 6],
  ["zeta", [4, 1], Math.PI ** 4 / 90],
  ["zeta", [3, 2], APERY - 1],
  ["i0", [1], 1.2660658777520084],
  ["i1", [1], 0.5651591039924851],
  ["bessel_j0", [1], 0.7651976865579666],
  ["bessel_j1", [1], 0.44005058574493355],
  ["bessel_y0", [1], 0.08825696421567697],
  ["bessel_y1", [1], -0.7812128213002887],
  ["bessel_j0", [2.404825557695773], 0],
  ["modified_bessel_k0", [1], 0.42102443824070834],
  ["modified_bessel_k1", [1], 0.6019072301972346],
  ["airy_ai", [0], 3 ** (-2 / 3) / 1.3541179394264005], // Γ(2/3)
  ["airy_ai", [1], 0.1352924163128814],
  ["airy_ai", [-10], 0.04024123848644319],
  ["spherical_bessel_j0", [Math.PI / 2], 2 / Math.PI],
  ["spherical_bessel_j0", [0], 1],
  ["hypot", [3, 4], 5],
  ["hypot", [1e200, 0], 1e200],
  ["logaddexp", [0, 0], Math.LN2],
  ["logaddexp", [1000, 1000], 1000 + Math.LN2],
  ["logaddexp", [-Infinity, -Infinity], -Infinity],
  ["logaddexp2", [3, 3], 4],
  ["copysign", [3, -0], -3],
  ["copysign", [-3, 2], 3],
  ["ldexp", [0.75, 4], 12],
  ["ldexp", [2 ** -1000, 2000], 2 ** 1000],
  ["gcd", [12, -18], 6],
  ["gcd", [0, 5], 5],
  ["lcm", [4, -6], 12],
  ["lcm", [0, 5], 0],
  ["igamma", [1, 2], 1 - Math.exp(-2)],
  ["igammac", [1, 2], Math.exp(-2)],
  ["igamma", [0.5, 1], 0.8427007929497149],
  ["chebyshev_polynomial_t", [0.5, 3], -1],
  ["chebyshev_polynomial_u", [0.5, 2], 0],
  ["chebyshev_polynomial_v", [1, 7], 1],
  ["chebyshev_polynomial_w", [1, 7], 15],
  ["shifted_chebyshev_polynomial_t", [0.75, 3], -1],
  ["hermite_polynomial_h", [2, 3], 40],
  ["hermite_polynomial_he", [2, 3], 2],
  ["laguerre_polynomial_l", [2, 2], -1],
  ["legendre_polynomial_p", [0.5, 2], -0.125],
  ["legendre_polynomial_p", [0.5, -1], 0],
])("%s(%j) is %d", (name, args, expected) => {
  expectClose(f(name, ...args), expected);
});

test.each<[string, readonly number[], number]>([
  ["erf", [Infinity], 1],
  ["erfc", [-Infinity], 2],
  ["erfc", [30], 0],
  ["erfinv", [1], Infinity],
  ["erfinv", [-1], -Infinity],
  ["erfinv", [1.5], Number.NaN],
  ["erfinv", [-0], -0],
  ["ndtri", [0], -Infinity],
  ["ndtri", [1], Infinity],
  ["ndtri", [-0.1], Number.NaN],
  ["lgamma", [0], Infinity],
  ["lgamma", [-3], Infinity],
  ["lgamma", [-Infinity], Infinity],
  ["digamma", [0], -Infinity],
  ["digamma", [-0], Infinity],
  ["digamma", [-2], Number.NaN],
  ["zeta", [1, 2], Infinity],
  ["zeta", [0.5, 2], Number.NaN],
  ["zeta", [2, -3], Infinity],
  ["zeta", [2.5, -0.5], Number.NaN],
  ["bessel_y0", [0], -Infinity],
  ["bessel_y0", [-1], Number.NaN],
  ["modified_bessel_k0", [0], Infinity],
  ["airy_ai", [200], 0],
  ["igamma", [2, 0], 0],
  ["igamma", [2, Infinity], 1],
  ["igamma", [-1, 1], Number.NaN],
  ["igammac", [2, 0], 1],
  ["hypot", [Number.NaN, -Infinity], Infinity],
  ["logaddexp", [Infinity, 1], Infinity],
])("%s(%j) is %d, exactly", (name, args, expected) => {
  expect(f(name, ...args)).toBe(expected);
});

test("NaN passes through every function of floats", () => {
  const silent = new Set(["gcd", "lcm", "copysign"]); // integers; a sign has no NaN
  const functions = Object.entries(special).filter(([name]) => !silent.has(name) && !name.includes("polynomial"));
  expect(functions.filter(([, { fn }]) => !Number.isNaN(fn(Number.NaN, 1))).map(([name]) => name)).toEqual([]);
});

test("an unknown function is named", () => {
  expect(() => specialFunction("frobnicate")).toThrow("there is no special function named 'frobnicate'");
  expect(() => specialFunction("toString")).toThrow("'toString'");
});

describe("identities", () => {
  test("erf is odd and makes 1 with erfc", () => {
    fc.assert(
      fc.property(between(-5, 5), (x) => {
        expect(f("erf", -x)).toBe(-f("erf", x));
        expectClose(f("erf", x) + f("erfc", x), 1);
      }),
    );
  });

  test("erfc is erfcx times exp(-x²)", () => {
    fc.assert(fc.property(between(-3, 5), (x) => expectClose(f("erfcx", x) * Math.exp(-x * x), f("erfc", x))));
  });

  test("erfinv and ndtri are inverses", () => {
    fc.assert(fc.property(between(-0.999, 0.999), (y) => expectClose(f("erf", f("erfinv", y)), y)));
    fc.assert(fc.property(between(1e-12, 0.5), (p) => expectClose(f("erfc", -f("ndtri", p) / Math.SQRT2) / 2, p, 11)));
  });

  test("log_ndtr is the logarithm of the normal distribution", () => {
    fc.assert(
      fc.property(between(-5, 5), (x) => expectClose(Math.exp(f("log_ndtr", x)), f("erfc", -x / Math.SQRT2) / 2)),
    );
  });

  test("Γ(x + 1) = x Γ(x)", () => {
    fc.assert(
      fc.property(between(0.01, 50), (x) => {
        const step = f("lgamma", x + 1) - f("lgamma", x);
        expect(Math.abs(step - Math.log(x))).toBeLessThan(1e-13 * (1 + Math.abs(f("lgamma", x + 1))));
      }),
    );
  });

  test("digamma and zeta step by their first term, also at negative arguments", () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 20 }), between(0.05, 0.95), (whole, fraction) => {
        const x = whole + fraction;
        expectClose(f("digamma", x + 1) + 10, f("digamma", x) + 1 / x + 10, 12);
        expectClose(f("zeta", 3, x), x ** -3 + f("zeta", 3, x + 1), 11);
        expectClose(f("polygamma", 1, x), x ** -2 + f("polygamma", 1, x + 1), 11);
      }),
    );
  });

  test("the Bessel functions have their Wronskians", () => {
    fc.assert(
      fc.property(between(0.1, 60), (x) => {
        const { fn: j0 } = specialFunction("bessel_j0");
        const ordinary = f("bessel_j1", x) * f("bessel_y0", x) - j0(x, 0) * f("bessel_y1", x);
        expectClose(ordinary, 2 / (Math.PI * x), 12);
        const k0 = f("scaled_modified_bessel_k0", x);
        const k1 = f("scaled_modified_bessel_k1", x);
        expectClose(f("i0e", x) * k1 + f("i1e", x) * k0, 1 / x, 12);
      }),
    );
  });

  test("scaled Bessel functions are the plain ones times an exponential", () => {
    fc.assert(
      fc.property(between(0.1, 30), (x) => {
        expectClose(f("i0e", x) * Math.exp(x), f("i0", x), 12);
        expectClose(f("scaled_modified_bessel_k1", x) * Math.exp(-x), f("modified_bessel_k1", x), 12);
      }),
    );
  });

  test("the Airy function solves y″ = x y", () => {
    fc.assert(
      fc.property(between(-12, 4), (x) => {
        const h = 1e-3;
        const at = (steps: number) => f("airy_ai", x + steps * h);
        const second = (-at(2) + 16 * at(1) - 30 * at(0) + 16 * at(-1) - at(-2)) / (12 * h * h);
        expect(Math.abs(second - x * at(0))).toBeLessThan(1e-7);
      }),
    );
  });

  test("igamma and igammac make 1, also far out in a", () => {
    fc.assert(
      fc.property(between(0.01, 2e5), between(0.5, 2), (a, ratio) => {
        expectClose(f("igamma", a, a * ratio) + f("igammac", a, a * ratio), 1, 12);
      }),
    );
  });

  test("igamma steps by the density: P(a, x) = P(a+1, x) + x^a e^-x / Γ(a+1)", () => {
    fc.assert(
      fc.property(between(0.1, 50), between(0.1, 50), (a, x) => {
        const density = Math.exp(a * Math.log(x) - x - f("lgamma", a + 1));
        expect(Math.abs(f("igamma", a, x) - f("igamma", a + 1, x) - density)).toBeLessThan(1e-12);
      }),
    );
  });

  test("Chebyshev polynomials are cosines of multiples of the angle", () => {
    fc.assert(
      fc.property(between(0.1, 3), fc.integer({ min: 0, max: 20 }), (angle, n) => {
        const x = Math.cos(angle);
        expect(f("chebyshev_polynomial_t", x, n)).toBeCloseTo(Math.cos(n * angle), 10);
        expect(f("chebyshev_polynomial_u", x, n)).toBeCloseTo(Math.sin((n + 1) * angle) / Math.sin(angle), 10);
        expect(f("chebyshev_polynomial_v", x, n)).toBeCloseTo(Math.cos((n + 0.5) * angle) / Math.cos(angle / 2), 10);
        expect(f("chebyshev_polynomial_w", x, n)).toBeCloseTo(Math.sin((n + 0.5) * angle) / Math.sin(angle / 2), 10);
      }),
    );
  });
});

describe("neighbours", () => {
  test.each<[string, number, number, number]>([
    ["nextafter32", 1, 2, 1 + 2 ** -23],
    ["nextafter32", 1, 0, 1 - 2 ** -24],
    ["nextafter32", 0, -1, -(2 ** -149)],
    ["nextafter32", -1, 0, -1 + 2 ** -24],
    ["nextafter64", 1, 2, 1 + 2 ** -52],
    ["nextafter64", 0, 1, 2 ** -1074],
    ["nextafter64", -1, -2, -1 - 2 ** -52],
    ["nextafter64", Number.MAX_VALUE, Infinity, Infinity],
    ["nextafter16", 1, 2, 1 + 2 ** -10],
    ["nextafter_bfloat16", 1, 0, 1 - 2 ** -8],
    ["nextafter32", 0, -0, -0],
    ["nextafter32", Number.NaN, 1, Number.NaN],
  ])("%s(%d, %d) is %d", (name, x, y, expected) => {
    expect(f(name, x, y)).toBe(expected);
  });
});

test("gcd and lcm of int64 are exact beyond 2^53", () => {
  expect(specialFunction("gcd").integer?.(2n ** 62n, -6n * 2n ** 55n)).toBe(2n ** 56n);
  expect(specialFunction("lcm").integer?.(2n ** 60n + 2n, 2n)).toBe(2n ** 60n + 2n);
});
