/**
 * How far from PyTorch's float64 results a float32 run of ours may be. Each fixture also says how far PyTorch's own float32 run
 * is from them ("PyTorch's distance": the relative L2 distance of two tensors), so most bounds are multiples of that: what is
 * asked is to be about as exact as PyTorch, not to agree with its rounding.
 *
 * A gradient has hundreds of thousands of elements, and a fixture keeps a digest of them: norm, sum, dot product with a random
 * probe of uniform values in [-1, 1], first eight values. Let e be the error, a vector of length |e|. Then
 *   probe:  (e . probe) sqrt(3) is |e| times a number that is close to standard normal, whatever e is;
 *   sum:    |sum of e| <= sqrt(n) |e| (Cauchy-Schwarz), reached only where all elements err alike;
 *   values: no element errs by more than |e|.
 */
export const torchTolerances = {
  /** Relative L2 distance of the logits, times PyTorch's. Reached: 0.9 to 1.2. */
  logits: 3,
  /** Relative, before any update: fifty layers of roundings, averaged. Reached: 6e-7. */
  firstLoss: 3e-6,
  /** Relative, of every parameter. An error at a right angle to the gradient does not change its norm. Reached: 3e-6. */
  gradientNorm: 1e-5,
  /** Times PyTorch's distance: six standard deviations of a normal number. Reached: 3.3, and 4.5 on a bias of five elements. */
  gradientProbe: 6,
  /** Times PyTorch's distance and the root of the number of elements. Reached: 0.1, and 1.4 on a bias of one element. */
  gradientSum: 3,
  /** Times PyTorch's distance. Reached: 0.8, and 1.4 on a bias of one element. */
  gradientValues: 3,
  /**
   * Half of all standard normal numbers are below 0.67 in size, so the median over all parameters of the probe's error in units
   * of PyTorch's distance is 0.67 times our error over PyTorch's. This allows 1.5 times PyTorch's. Reached: 0.64 to 0.81.
   */
  medianProbe: 0.67 * 1.5,
  /**
   * PyTorch's distance counts as at least this in the bounds of single parameters: it got some small biases almost exactly, which
   * are sums over thousands of pixels that cancel to a hundredth of their size.
   */
  leastDistance: 2e-6,
  /**
   * Relative to the norm of the statistic. The means of the first layer are near 0 (sums of thousands of values that cancel),
   * and PyTorch adds in higher precision on a CPU. Reached: 4e-6.
   */
  runningStatistics: 1e-5,
  /**
   * Each of ten losses under Adam, relative, times the largest such error of PyTorch's float32 over the ten. Parameters whose
   * gradient is 0 but for rounding (shifts in front of a batch norm) move by a full step in a direction that rounding chose, and a
   * ReLU at 0 may fall to either side: PyTorch's own error grows to 9e-4. Reached: 0.7 to 1.1.
   */
  trainingLoss: 2,
  /** The tenth loss, relative, whatever PyTorch's error. Reached: 6e-4. */
  tenthLoss: 1e-3,
  /** As trainingLoss, on running statistics that gathered every difference of the way. Reached: 2.6. */
  evalLoss: 4,
  /** PyTorch's error of a loss counts as at least this: where nothing chaotic happens it is 1e-6. */
  leastLoss: 2.5e-6,
} as const;
