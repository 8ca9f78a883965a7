// SPDX-License-Identifier: MIT
// chart - two lines over the last minute, as SVG
//
// Samples come four times a second and move the lines left by one step. The scale goes up at once and
// comes down when no shown value needs it. The values are also in the chart's label, for screen readers.

import { niceCeiling } from '../units.ts';
import { byId } from './dom.ts';

/** Samples that are shown: a minute of four a second. */
const SAMPLES = 240;
const WIDTH = 480;
const HEIGHT = 140;
const SVG = 'http://www.w3.org/2000/svg';

/** Options of a chart. */
export interface ChartOptions {
  /** Names of the two series. */
  readonly series: readonly [string, string];
  readonly show: (value: number) => string;
  /** Least top of the scale. */
  readonly floor: number;
}

interface Line {
  readonly name: string;
  readonly values: number[];
  readonly path: SVGPathElement;
  readonly area: SVGPathElement;
  readonly reading: HTMLElement;
}

function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  return element;
}

/** A chart in the figure with an id: an svg, a .top for the scale, two .reading for the values. */
export class Chart {
  readonly #root: SVGSVGElement;
  readonly #top: HTMLElement;
  readonly #options: ChartOptions;
  readonly #lines: readonly Line[];

  constructor(id: string, options: ChartOptions) {
    const figure = byId(id);
    this.#options = options;
    this.#root = figure.querySelector('svg') as SVGSVGElement;
    this.#top = figure.querySelector('.top') as HTMLElement;
    const readings = figure.querySelectorAll<HTMLElement>('.reading');
    this.#root.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    for (const part of [0.25, 0.5, 0.75]) {
      const y = HEIGHT * part;
      this.#root.append(svg('line', { class: 'rule', x1: 0, x2: WIDTH, y1: y, y2: y }));
    }
    for (let seconds = 15; seconds < 60; seconds += 15) {
      const x = (WIDTH * seconds) / 60;
      this.#root.append(svg('line', { class: 'rule', x1: x, x2: x, y1: 0, y2: HEIGHT }));
    }
    this.#lines = options.series.map((name, i) => {
      const area = svg('path', { class: `area ${'ab'[i]}` });
      const path = svg('path', { class: `line ${'ab'[i]}` });
      this.#root.append(area, path);
      return { name, values: [], path, area, reading: readings[i] as HTMLElement };
    });
    this.#draw();
  }

  /** Adds a sample to the first or the second series. */
  push(index: 0 | 1, value: number): void {
    const line = this.#lines[index] as Line;
    line.values.push(value);
    if (line.values.length > SAMPLES) line.values.shift();
    line.reading.textContent = this.#options.show(value);
    this.#draw();
  }

  #draw(): void {
    const { floor, show } = this.#options;
    const most = Math.max(0, ...this.#lines.flatMap(({ values }) => values));
    const top = niceCeiling(most, floor);
    this.#top.textContent = show(top);
    for (const { values, path, area } of this.#lines) {
      const first = SAMPLES - values.length;
      const points = values.map((value, i) => {
        const x = ((first + i) / (SAMPLES - 1)) * WIDTH;
        return `${x.toFixed(1)},${(HEIGHT - (value / top) * (HEIGHT - 2)).toFixed(1)}`;
      });
      const start = ((first / (SAMPLES - 1)) * WIDTH).toFixed(1);
      path.setAttribute('d', points.length ? `M${points.join('L')}` : '');
      area.setAttribute(
        'd',
        points.length ? `M${start},${HEIGHT}L${points.join('L')}L${WIDTH},${HEIGHT}Z` : '',
      );
    }
    const words = this.#lines.map(({ name, values }) => `${name} ${show(values.at(-1) ?? 0)}`);
    this.#root.setAttribute('aria-label', `The last minute; now ${words.join(', ')}`);
  }
}
