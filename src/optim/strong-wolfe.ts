/** A line search for the strong Wolfe conditions: bracket a minimum, then zoom in by cubic interpolation. */
import type { Tensor } from "../core/tensor.ts";

/** What is known at one point of the line. */
interface Point {
  readonly t: number;
  readonly loss: number;
  readonly grad: Tensor;
  /** The derivative along the line. */
  readonly slope: number;
}

/** Loss and gradient at a distance along the line. */
type Probe = (t: number) => { loss: number; grad: Tensor };

const [sufficientDecrease, curvature, maxProbes] = [1e-4, 0.9, 25];

/** Rounds to the parameters' dtype, in which PyTorch's distances and slopes are. */
export type Round = (x: number) => number;

/** Where the cubic through two points with these slopes is least, within bounds. */
function interpolate(r: Round, a: Point, b: Point, bounds?: readonly [number, number]): number {
  const [low, high] = bounds ?? (a.t <= b.t ? [a.t, b.t] : [b.t, a.t]);
  const secant = r(r(3 * (a.loss - b.loss)) / r(a.t - b.t));
  const d1 = r(r(a.slope + b.slope) - secant);
  const square = r(r(d1 * d1) - r(a.slope * b.slope));
  if (!(square >= 0)) return r(r(low + high) / 2);
  const d2 = r(Math.sqrt(square));
  const [first, second] = a.t <= b.t ? [a, b] : [b, a];
  const step = r(r(r(second.slope + d2) - d1) / r(r(second.slope - first.slope) + r(2 * d2)));
  const least = r(second.t - r(r(second.t - first.t) * step));
  return Math.min(Math.max(least, low), high);
}

/** A distance along `d` that lowers the loss enough and flattens the slope enough. */
export function strongWolfe(
  probe: Probe,
  start: number,
  d: Tensor,
  from: { loss: number; grad: Tensor; slope: number },
  toleranceChange: number,
  r: Round,
): Point & { evals: number } {
  const origin: Point = { t: 0, loss: from.loss, grad: from.grad.clone(), slope: from.slope };
  let evals = 0;
  const look = (t: number): Point => {
    const { loss, grad } = probe(t);
    evals++;
    return { t, loss, grad, slope: grad.dot(d).item() };
  };
  const tooHigh = (p: Point): boolean => p.loss > r(origin.loss + r(r(sufficientDecrease * p.t) * origin.slope));
  const flat = (p: Point): boolean => Math.abs(p.slope) <= r(-curvature * origin.slope);

  let previous = origin;
  let current = look(start);
  let tries = 0;
  let bracket: [Point, Point] | null = null;
  while (tries < maxProbes && bracket === null) {
    if (tooHigh(current) || (tries > 1 && current.loss >= previous.loss)) bracket = [previous, current];
    else if (flat(current)) return { ...current, evals };
    else if (current.slope >= 0) bracket = [previous, current];
    else {
      const bounds = [r(current.t + r(0.01 * r(current.t - previous.t))), r(current.t * 10)] as const;
      const t = interpolate(r, previous, current, bounds);
      previous = current;
      current = look(t);
      tries++;
    }
  }
  bracket ??= [origin, current];
  return { ...zoom(bracket, look, { tooHigh, flat, round: r }, tries, d.abs().max().item(), toleranceChange), evals };
}

/** Narrows a bracket until a point in it meets the conditions. */
function zoom(
  bracket: [Point, Point],
  look: (t: number) => Point,
  conditions: { tooHigh(p: Point): boolean; flat(p: Point): boolean; round: Round },
  before: number,
  size: number,
  toleranceChange: number,
): Point {
  const r = conditions.round;
  let [low, high] = bracket[0].loss <= bracket[1].loss ? bracket : [bracket[1], bracket[0]];
  let stuck = false;
  for (let tries = before; tries < maxProbes; tries++) {
    if (Math.abs(high.t - low.t) * size < toleranceChange) break;
    let t = interpolate(r, low, high);
    const [least, most]: [number, number] = [Math.min(low.t, high.t), Math.max(low.t, high.t)];
    const margin = r(0.1 * r(most - least));
    if (Math.min(most - t, t - least) < margin) {
      const push: boolean = stuck || t >= most || t <= least;
      if (push) t = Math.abs(t - most) < Math.abs(t - least) ? r(most - margin) : r(least + margin);
      stuck = !push;
    } else stuck = false;
    const found = look(t);
    if (conditions.tooHigh(found) || found.loss >= low.loss) {
      high = found;
      if (high.loss < low.loss) [low, high] = [high, low];
      continue;
    }
    if (conditions.flat(found)) return found;
    if (found.slope * (high.t - low.t) >= 0) high = low;
    low = found;
  }
  return low;
}
