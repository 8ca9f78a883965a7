// SPDX-License-Identifier: MIT
// dispose - Symbol.dispose where a runtime has none (WebKit), as bundlers name it; import it first

if (!(Symbol as { dispose?: symbol }).dispose) {
  Object.defineProperty(Symbol, 'dispose', { value: Symbol.for('Symbol.dispose') });
}
