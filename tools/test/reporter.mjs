// SPDX-License-Identifier: MIT
// reporter - a reporter of Vitest that writes a record of a run: what tests, suites and files came to
//
// RINGSTACK_RECORD names the file. Vitest's own JSON leaves out the errors of suites and those outside of any
// test, and a test whose set-up failed looks there like one that was skipped. tools/test/outcome.mjs reads the
// record; without an end of the run there is none.
import { writeFileSync } from 'node:fs';

/** The first line of each error. */
const textsOf = (errors = []) => errors.map((error) => `${error.message ?? error}`.split('\n')[0]);

/** A test was to be run, and no set-up of it that failed is told by the test itself. */
function stateOf(test) {
  const { state, note } = test.result();
  if (state === 'passed' || state === 'failed') return state;
  if (state === 'pending') return 'unreached';
  const isWanted = test.options.mode === 'run' || test.options.mode === 'only';
  if (!isWanted || note !== undefined) return 'skipped';
  for (let above = test.parent; above; above = above.parent) {
    if (above.errors().length > 0) return 'unreached';
  }
  return 'skipped';
}

function testOf(test) {
  const suites = [];
  for (let above = test.parent; above.type === 'suite'; above = above.parent) {
    suites.unshift(above.name);
  }
  const { note, errors } = test.result();
  const { why = note, figure } = test.meta();
  const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
  return {
    suites,
    name: test.name,
    state: stateOf(test),
    seconds,
    why,
    figure,
    errors: textsOf(errors),
  };
}

function fileOf(module) {
  const suites = [...module.children.allSuites()];
  return {
    project: module.project.name,
    file: module.relativeModuleId,
    seconds: module.diagnostic().duration / 1000,
    errors: [
      ...textsOf(module.errors()),
      ...suites.flatMap((suite) =>
        textsOf(suite.errors()).map((error) => `${suite.fullName}: ${error}`),
      ),
    ],
    tests: [...module.children.allTests()].map(testOf),
  };
}

/** Given to Vitest by its path. */
export default class RecordReporter {
  onTestRunEnd(modules, unhandled) {
    const record = { files: modules.map(fileOf), unhandled: textsOf(unhandled) };
    writeFileSync(process.env.RINGSTACK_RECORD, JSON.stringify(record));
  }
}
