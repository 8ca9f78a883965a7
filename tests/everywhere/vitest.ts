// SPDX-License-Identifier: MIT
// vitest - what the bundled tests import of vitest, made of its own parts so that it runs in any runtime

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  type ExpectStatic,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import { getCurrentTest } from '@vitest/runner';
import { fn, spyOn } from '@vitest/spy';
import { fakeTimers } from './fake_timers.ts';

export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  onTestFinished,
  test,
} from '@vitest/runner';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

const assertThat = (value: unknown, message?: string): Chai.Assertion => {
  const assertion = chai.expect(value, message);
  const current = getCurrentTest();
  // Which test a promise that is awaited later belongs to.
  return current ? (assertion as unknown as WithTest).withTest(current) : assertion;
};

interface WithTest {
  withTest(test: unknown): Chai.Assertion;
}

/** vitest's, without what it has of snapshots, polling and soft assertions. */
export const expect = Object.assign(
  assertThat,
  chai.expect,
  (globalThis as Record<symbol, unknown>)[ASYMMETRIC_MATCHERS_OBJECT as unknown as symbol],
) as unknown as ExpectStatic;
expect.getState = () => getState(expect);
expect.setState = (state) => setState(state, expect);
setState(
  {
    assertionCalls: 0,
    isExpectingAssertions: false,
    isExpectingAssertionsError: null,
    expectedAssertionsNumber: null,
    expectedAssertionsNumberErrorGen: null,
  },
  expect,
);

export const vi = { fn, spyOn, ...fakeTimers };
