// SPDX-License-Identifier: MIT
// outcome - counts that cannot lie: what a run of tests came to, whatever ended it
//
// Every runner adds up outcomes and closes with closingLine(). An outcome is
//
//   passed, failed, skipped   tests; an error outside of tests counts as one that failed
//   problems                  a line for each failure, with its file

/** An empty outcome. */
export const NOTHING = { passed: 0, failed: 0, skipped: 0, problems: [] };

/** Adds up outcomes. */
export const sumOf = (outcomes) =>
  outcomes.reduce(
    (sum, { passed, failed, skipped, problems = [] }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
      problems: [...sum.problems, ...problems],
    }),
    NOTHING,
  );

/** The last line of every runner, which .ci/run and the machines that run it read. */
export const closingLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** The exit status: 0 only if something ran and nothing failed. */
export const statusOf = ({ passed, failed }) => (failed === 0 && passed > 0 ? 0 : 1);

/** Outcome of a program that does not report one: one failure. */
const failure = (problem) => ({ passed: 0, failed: 1, skipped: 0, problems: [problem] });

/**
 * Outcome of a program of the library Check.
 *
 * @param {string} program - Its name.
 * @param {string} output - All it has printed.
 * @param {number | string} status - Its exit status, or the signal that ended it.
 */
export function checkOutcome(program, output, status) {
  const line = output.match(/^\d+%: Checks: \d+, Failures: \d+, Errors: \d+$/gm)?.at(-1) ?? '';
  const [, checks = 0, failures = 0, errors = 0] = (line.match(/\d+/g) ?? []).map(Number);
  const failed = failures + errors;
  const counted = { passed: checks - failed, failed, skipped: 0 };
  if (failed > 0) return { ...counted, problems: [`${program}: ${line}`] };
  if (status !== 0) {
    // It died before its end, or a sanitizer found something at its end.
    return sumOf([counted, failure(`${program}: exit status ${status}`)]);
  }
  if (checks === 0) return failure(`${program}: ran no test`);
  return { ...counted, problems: [] };
}

const nameOf = ({ suites, name }) => [...suites, name].join(' > ');

function fileOutcome({ project, file, errors, tests }) {
  const where = `${file} (${project})`;
  const isBad = ({ state }) => state === 'failed' || state === 'unreached';
  const count = (fits) => tests.filter(fits).length;
  return {
    passed: count(({ state }) => state === 'passed'),
    failed: count(isBad) + errors.length,
    skipped: count(({ state }) => state === 'skipped'),
    problems: [
      ...errors.map((error) => `${where}: ${error}`),
      ...tests.filter(isBad).map((test) => {
        const reason = test.state === 'unreached' ? 'was not run' : test.errors[0];
        return `${where}: ${nameOf(test)}: ${reason}`;
      }),
    ],
  };
}

/**
 * Outcome of a run of Vitest.
 *
 * @param record - The file that tools/test/reporter.mjs has written; undefined: none.
 * @param {number | string} status - Vitest's exit status, or the signal that ended it.
 */
export function vitestOutcome(record, status) {
  if (!record) return failure(`vitest: exit status ${status}, and no word of any test`);
  const { files, unhandled } = record;
  const outcome = sumOf([
    ...files.map(fileOutcome),
    ...unhandled.map((error) => failure(`vitest: outside of any test: ${error}`)),
  ]);
  if (status === 0 || outcome.failed > 0) return outcome;
  return sumOf([outcome, failure(`vitest: exit status ${status}`)]);
}
