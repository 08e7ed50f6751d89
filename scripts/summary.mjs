// What a test run amounts to, from vitest's JSON report.

/**
 * @typedef {object} TestReport
 * @property {number} [numPassedTests]
 * @property {number} [numFailedTests]
 * @property {number} [numPendingTests]
 * @property {{ name: string, status: string, assertionResults: { status: string }[] }[]} [testResults]
 */

/**
 * Counts tests. A file that fails without a failing test (it does not load, a hook throws) counts as one failure, and
 * so does a run that ends badly for a reason that no test shows, or that left no report.
 *
 * @param {TestReport | undefined} report
 * @param {number} exitCode  vitest's own
 * @returns {{ passed: number, failed: number, skipped: number, exitCode: number }}  exitCode is not 0 if anything failed or nothing ran
 */
export function summarize(report, exitCode) {
  const passed = report?.numPassedTests ?? 0;
  const brokenFiles = (report?.testResults ?? []).filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  let failed = (report?.numFailedTests ?? 0) + brokenFiles;
  if (failed === 0 && (exitCode !== 0 || !report)) failed = 1;
  return { passed, failed, skipped: report?.numPendingTests ?? 0, exitCode: failed > 0 || passed === 0 ? exitCode || 1 : 0 };
}

/**
 * The plain closing line.
 *
 * @param {{ passed: number, failed: number }} counts
 */
export const closingLine = ({ passed, failed }) => `${passed} passed, ${failed} failed`;
