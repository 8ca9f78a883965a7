// SPDX-License-Identifier: MIT
// frame - measures one cell in a document of its own: no code or memory of another one
import { measureCell } from '../lib/metric.mjs';

globalThis.measureCell = measureCell;
