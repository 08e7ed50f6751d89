/**
 * How far a float32 kernel may be from its float64 reference, relative to the largest value of the reference (or 1, if that is
 * smaller), each with its reason.
 */
export const tolerances = {
  /** A few roundings a value: elementwise ops, copies, small reductions. f32 rounds at 6e-8. */
  elementwise: 2e-6,
  /** exp, log, pow, tanh: WGSL allows a few ulp, and drivers use polynomials. */
  transcendental: 2e-5,
  /** Sums of up to some thousands of terms in a fixed order: the error grows with the root of their number. */
  reduction: 2e-5,
  /** Statistics, then differences of close numbers: normalisations and their gradients. */
  normalisation: 1e-4,
  /**
   * Storage in f16: inputs are f16 exactly, sums are f32, so what is off is the rounding of the result, half a unit in the last of 11
   * bits (2^-11 = 4.9e-4), once; a gradient that is formed from a stored result has it twice.
   */
  half: 1e-3,
  /**
   * The loss of one of ten training steps in mixed precision against the same step in f32, absolute, for losses that begin near 1: every
   * stored activation is off by up to 2^-11, and each step of Adam carries what the one before was off by.
   */
  mixedLoss: 0.05,
} as const;
