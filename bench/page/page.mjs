// SPDX-License-Identifier: MIT
// page - the benchmark in a browser: choose rows and columns, run, see a table, keep it as JSON
//
// Each cell runs in a frame of its own, created for it and removed after it. Opened by hand, the page
// measures the cells in rounds; lib/pages opens it in browsers and calls benchPage.measure().

import { runRounds } from '../lib/rounds.mjs';
import { RUNTIME_COLUMNS, rowLines } from '../lib/tables.mjs';
import { pageCells } from '../suite_runtimes.mjs';

const isolated = globalThis.crossOriginIsolated === true;
const cells = pageCells(isolated);
/** One a line, without what only a comparison of runtimes has. */
const COLUMNS = RUNTIME_COLUMNS.filter(([, column]) =>
  cells.some((cell) => cell.column === column),
);

const byId = (id) => document.getElementById(id);

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Measures a cell in a new frame; never rejects. */
async function measure(cell) {
  const frame = element('iframe', { src: 'frame.html' });
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  document.body.append(frame);
  await loaded;
  try {
    return await frame.contentWindow.measureCell(cell);
  } catch (error) {
    return { error: `the frame could not measure: ${error}` };
  } finally {
    frame.remove();
  }
}

/** Boxes to tick, one for each name. */
function choices(parent, entries) {
  for (const [value, text] of entries) {
    const box = element('input', { type: 'checkbox', name: parent.id, value, checked: true });
    parent.append(element('label', {}, box, ` ${text}`));
  }
}

function chosen() {
  const { rows, columns } = Object.groupBy(
    document.querySelectorAll('input:checked'),
    ({ name }) => name,
  );
  const has = (boxes, value) => boxes?.some((box) => box.value === value);
  return cells.filter(({ row, column }) => has(rows, row) && has(columns, column));
}

function show(measured) {
  const lines = rowLines(measured, COLUMNS).map((line) => {
    const [label, ...values] = line;
    const head = element('th', { scope: 'row' }, label);
    return element('tr', {}, head, ...values.map((value) => element('td', {}, value)));
  });
  const titles = ['', ...COLUMNS.map(([title]) => title)];
  const head = element('tr', {}, ...titles.map((title) => element('th', { scope: 'col' }, title)));
  const caption = element('caption', {}, 'Gbit/s, where nothing else is said');
  const table = element('table', {}, caption, element('thead', {}, head));
  table.append(element('tbody', {}, ...lines));
  const failures = measured.flatMap(({ id, errors = [] }) =>
    errors.map((text) => `${id}: ${text}`),
  );
  byId('results').replaceChildren(table, ...failures.map((text) => element('pre', {}, text)));
}

/** Runs what is chosen, and shows it. */
async function run() {
  const wanted = chosen();
  const rounds = byId('rounds').valueAsNumber;
  let done = 0;
  const tell = (cell, round) => {
    done++;
    const of = wanted.length * rounds;
    byId('progress').textContent = `${done} of ${of}: round ${round + 1}, ${cell.id}`;
  };
  const date = new Date().toISOString();
  const measured = await runRounds(wanted, rounds, tell, measure);
  byId('progress').textContent = 'Done.';
  show(measured);
  const machine = {
    userAgent: navigator.userAgent,
    cores: navigator.hardwareConcurrency,
    isolated,
  };
  return { format: 1, suite: 'page', date, rounds, machine, cells: measured };
}

function save(result) {
  const blob = new Blob([`${JSON.stringify(result, null, 1)}\n`], { type: 'application/json' });
  const href = URL.createObjectURL(blob);
  element('a', { href, download: `ringstack-${result.date.slice(0, 10)}.json` }).click();
  URL.revokeObjectURL(href);
}

byId('where').textContent = isolated
  ? `This page is isolated: both engines can run. ${navigator.hardwareConcurrency} cores.`
  : 'This page is not isolated (no Cross-Origin-Opener-Policy and Cross-Origin-Embedder-Policy): ' +
    `the inline engine can run. ${navigator.hardwareConcurrency} cores.`;
choices(byId('rows'), new Map(cells.map(({ row, rowLabel }) => [row, rowLabel])));
choices(byId('columns'), new Map(cells.map(({ column, label }) => [column, label])));

let last;
byId('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  byId('run').disabled = true;
  last = await run();
  byId('run').disabled = false;
  byId('save').disabled = false;
});
byId('save').addEventListener('click', () => save(last));

globalThis.benchPage = { measure };
