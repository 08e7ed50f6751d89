// The special functions that the tests of significance rest on, in float64. Each keeps its RELATIVE accuracy far out in the
// tail, because a p-value of 1e-200 is compared and printed like any other.

const HALF_LOG_TWO_PI = 0.9189385332046727;

/**
 * What Stirling's formula misses: ln gamma(z + 1) - (z + 1/2) ln z + z - ln(2 pi)/2, for z > 0 (Abramowitz and Stegun 6.1.40).
 * Upward by recurrence to 16, where eight terms leave less than 1e-18. Differences of it replace differences of ln gamma,
 * which for a million degrees of freedom would have lost nine digits.
 */
function stirlingError(z: number): number {
  let below = 0;
  let x = z;
  for (; x < 16; x++) below += (x + 0.5) * Math.log1p(1 / x) - 1;
  const s = 1 / (x * x);
  const series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];
  return below + series.reduceRight((sum, term) => sum * s + term, 0) / x;
}

/** d - ln(1 + d) for d > -1, given 1 + d as well, which the caller knows better when d is near -1. */
function excess(d: number, onePlus: number): number {
  if (d < -0.5) return d - Math.log(onePlus);
  if (Math.abs(d) > 0.1) return d - Math.log1p(d);
  // With r = d / (2 + d): ln(1 + d) = 2 (r + r^3/3 + ...) and d = 2 r / (1 - r), so nothing near d is subtracted.
  const r = d / (2 + d);
  let sum = 0;
  for (let k = 21; k >= 3; k -= 2) sum = sum * r * r + 1 / k;
  return r * d - 2 * r ** 3 * sum;
}

/** ln of the beta function, a, b > 0. */
export function logBeta(a: number, b: number): number {
  const n = a + b;
  return (
    a * Math.log1p(-b / n) + b * Math.log1p(-a / n) - 0.5 * Math.log((a / n) * b) + HALF_LOG_TWO_PI + stirlingError(a) + stirlingError(b) - stirlingError(n)
  );
}

/** x^a y^b / B(a, b), by Loader's saddle-point form ("Fast and accurate computation of binomial probabilities", 2000). */
function betaPower(a: number, b: number, x: number, y: number): number {
  const n = a + b;
  const shift = b * x - a * y;
  const exponent =
    stirlingError(n) - stirlingError(a) - stirlingError(b) - a * excess(shift / a, (x / a) * n) - b * excess(-shift / b, (y / b) * n);
  return Math.sqrt(((a / n) * b) / (2 * Math.PI)) * Math.exp(exponent);
}

/**
 * x^a y^b / B over I_x(a, b), for x below its mean: the continued fraction of Didonato and Morris (ACM TOMS 18, 1992, eq. 9)
 * by the method of Lentz. It takes a y - b x whole, where the textbook form subtracts numbers near 1: five digits of a million
 * degrees of freedom.
 */
function betaFraction(a: number, b: number, x: number, y: number): number {
  const tiny = 1e-300;
  const bend = (m: number) => m + (m * (b - m) * x) / (a + 2 * m - 1) + ((a + m) * (a * y - b * x + 1 + m * (2 - x))) / (a + 2 * m + 1);
  // At m = 0 the middle term is 0 whatever its denominator, which is 0 at a = 1.
  let value = (a * (a * y - b * x + 1)) / (a + 1);
  let c = value;
  let d = 0;
  for (let m = 1; m <= 100_000; m++) {
    const term = (((a + m - 1) / (a + 2 * m - 1)) * ((a + b + m - 1) / (a + 2 * m - 1)) * m * (b - m)) * x * x;
    d = bend(m) + term * d;
    d = 1 / (d === 0 ? tiny : d);
    c = bend(m) + term / c;
    if (c === 0) c = tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) return value;
  }
  throw new Error(`internal: incompleteBeta did not converge at a = ${a}, b = ${b}, x = ${x}.`);
}

/**
 * The regularised incomplete beta function I_x(a, b) (DLMF 8.17).
 *
 * @param a  above 0
 * @param b  above 0
 * @param x  0 to 1
 * @param y  1 - x, if the caller has it without the rounding of the subtraction
 * @returns  0 to 1; relative error below 1e-12 where the result is not itself near the smallest float
 */
export function incompleteBeta(a: number, b: number, x: number, y: number = 1 - x): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  const power = betaPower(a, b, x, y);
  return x <= (a + 1) / (a + b + 2) ? power / betaFraction(a, b, x, y) : 1 - power / betaFraction(b, a, y, x);
}

/**
 * P(T > t) of Student's t with `df` degrees of freedom (DLMF 8.17 and Abramowitz and Stegun 26.7.1).
 *
 * @param df  above 0, fractions allowed (Welch)
 * @returns  0 to 1, by symmetry exactly 1/2 at t = 0
 */
export function studentUpperTail(t: number, df: number): number {
  if (t < 0) return 1 - studentUpperTail(-t, df);
  if (t === 0) return 0.5;
  if (t === Infinity) return 0;
  const ratio = t / Math.sqrt(df);
  // Past 1e8 the leading term of the tail is all of it, and t^2 might overflow.
  if (ratio > 1e8) return 0.5 * Math.exp(-df * Math.log(ratio) - Math.log(df / 2) - logBeta(df / 2, 0.5));
  const square = ratio * ratio;
  return 0.5 * incompleteBeta(df / 2, 0.5, 1 / (1 + square), square / (1 + square));
}

/** P(Z > z) of the standard normal: a series of positive terms near 0, a continued fraction (DLMF 7.9.3) in the tail. */
export function normalUpperTail(z: number): number {
  if (z < 0) return 1 - normalUpperTail(-z);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let k = 3; term > 1e-17 * sum; k += 2) sum += term *= (z * z) / k;
    return 0.5 - (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
  }
  let fraction = z;
  for (let k = 120; k > 0; k--) fraction = z + k / fraction;
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / fraction;
}

/** The z with P(Z < z) = p of the standard normal; -Infinity and Infinity at 0 and 1. */
export function normalQuantile(p: number): number {
  if (p <= 0) return -Infinity;
  if (p >= 1) return Infinity;
  if (p > 0.5) return -normalQuantile(1 - p);
  // Abramowitz and Stegun 26.2.23 starts within 4.5e-4; each step of Halley's method triples the digits.
  const w = Math.sqrt(-2 * Math.log(p));
  let z = w - (2.515517 + 0.802853 * w + 0.010328 * w * w) / (1 + 1.432788 * w + 0.189269 * w * w + 0.001308 * w ** 3);
  for (let i = 0; i < 3; i++) {
    const step = (normalUpperTail(z) - p) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2);
    z += step / (1 - (z * step) / 2);
  }
  return -z;
}
