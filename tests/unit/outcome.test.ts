// SPDX-License-Identifier: MIT
// outcome.test - an outcome is the same whenever it is asked for

import { expect, test } from 'vitest';
import { Outcome } from '../../js/util/deferred.ts';

test('a promise that is asked for first settles later', async () => {
  const [good, bad] = [new Outcome(), new Outcome()];
  const promises = [good.promise, bad.promise];
  good.resolve();
  bad.reject(new Error('no'));
  await expect(promises[0]).resolves.toBeUndefined();
  await expect(promises[1]).rejects.toThrow('no');
});

test('a promise that is asked for afterwards has settled', async () => {
  const [good, bad] = [new Outcome(), new Outcome()];
  good.resolve();
  bad.reject(undefined);
  await expect(good.promise).resolves.toBeUndefined();
  await expect(bad.promise).rejects.toBeUndefined();
});

test('the first outcome counts, and the promise is always the same', async () => {
  const outcome = new Outcome();
  outcome.resolve();
  outcome.reject(new Error('too late'));
  await outcome.promise;
  const failed = new Outcome();
  const { promise } = failed;
  failed.reject(new Error('first'));
  failed.resolve();
  expect(failed.promise).toBe(promise);
  await expect(promise).rejects.toThrow('first');
});
