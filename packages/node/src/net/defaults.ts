// SPDX-License-Identifier: MIT
// defaults - autoSelectFamily: what sockets do that do not say it

/** net.setDefaultAutoSelectFamily() and its timeout, ms. */
export const autoSelect = { isDefault: true, timeout: 250 };
