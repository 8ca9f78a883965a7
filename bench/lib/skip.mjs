// SPDX-License-Identifier: MIT
// skip - the error of a cell that cannot be measured here, with the reason

/** Not a failure: what is asked for is not in this build, or not on this machine. */
export class Skip extends Error {
  name = 'Skip';
}
