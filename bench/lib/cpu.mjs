// SPDX-License-Identifier: MIT
// cpu - CPU time as a counter of lib/meter

/** CPU time of the whole process, all threads, in seconds; a page is not told. */
export const cpuCounter = () => {
  if (!globalThis.process) return {};
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) / 1e6 };
};
