/** The classical orthogonal polynomials, by their three-term recurrences; the degree is truncated to an integer. */

/** P(k+1) from k, x, P(k) and P(k-1). */
type Recurrence = (k: number, x: number, current: number, previous: number) => number;

type Polynomial = (x: number, n: number) => number;

/** What is beyond int64, or NaN, counts as a negative degree: that is what PyTorch's conversion makes of it. */
const isDegree = (n: number): boolean => n >= 0 && n < 2 ** 63;

/** 0 for negative degrees, 1 for degree 0, `first` for degree 1, and so on. */
function family(first: (x: number) => number, next: Recurrence): Polynomial {
  return (x, n) => {
    const degree = Math.trunc(n);
    if (!isDegree(degree)) return 0;
    let previous = 0;
    let current = 1;
    for (let k = 0; k < degree && !Number.isNaN(current); k++) {
      [previous, current] = [current, k === 0 ? first(x) : next(k, x, current, previous)];
    }
    return current;
  };
}

const twice: Recurrence = (_, x, current, previous) => 2 * x * current - previous;

/** Above this degree, inside (-1, 1), the closed form in the angle is both faster and more accurate. */
const CLOSED_FORM = 8;

/** A Chebyshev family: its recurrence, and its value at cos(angle). */
function chebyshev(first: (x: number) => number, closed: (angle: number, n: number) => number): Polynomial {
  const recurrence = family(first, twice);
  return (x, n) => {
    const degree = Math.trunc(n);
    return degree > CLOSED_FORM && isDegree(degree) && Math.abs(x) < 1
      ? closed(Math.acos(x), degree)
      : recurrence(x, degree);
  };
}

const shifted =
  (polynomial: Polynomial): Polynomial =>
  (x, n) =>
    polynomial(2 * x - 1, n);

export const chebyshevT: Polynomial = chebyshev(
  (x) => x,
  (angle, n) => Math.cos(n * angle),
);
export const chebyshevU: Polynomial = chebyshev(
  (x) => 2 * x,
  (angle, n) => Math.sin((n + 1) * angle) / Math.sin(angle),
);
export const chebyshevV: Polynomial = chebyshev(
  (x) => 2 * x - 1,
  (angle, n) => Math.cos((n + 0.5) * angle) / Math.cos(angle / 2),
);
export const chebyshevW: Polynomial = chebyshev(
  (x) => 2 * x + 1,
  (angle, n) => Math.sin((n + 0.5) * angle) / Math.sin(angle / 2),
);
export const shiftedChebyshevT: Polynomial = shifted(chebyshevT);
export const shiftedChebyshevU: Polynomial = shifted(chebyshevU);
export const shiftedChebyshevV: Polynomial = shifted(chebyshevV);
export const shiftedChebyshevW: Polynomial = shifted(chebyshevW);

export const hermiteH: Polynomial = family(
  (x) => 2 * x,
  (k, x, current, previous) => 2 * x * current - 2 * k * previous,
);
export const hermiteHe: Polynomial = family(
  (x) => x,
  (k, x, current, previous) => x * current - k * previous,
);
export const laguerreL: Polynomial = family(
  (x) => 1 - x,
  (k, x, current, previous) => ((2 * k + 1 - x) * current - k * previous) / (k + 1),
);
export const legendreP: Polynomial = family(
  (x) => x,
  (k, x, current, previous) => ((2 * k + 1) * x * current - k * previous) / (k + 1),
);
