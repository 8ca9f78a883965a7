// SPDX-License-Identifier: MIT
// packet_detail - one packet: its headers, field by field, and its bytes
//
// Pointing at a field, or at a header with the pointer or the keyboard, marks its bytes.

import type { Decoded } from '../packets/decode.ts';
import { hexRows } from '../packets/hexdump.ts';
import type { SeenFrame } from '../packets/seen.ts';
import { byId, make } from './dom.ts';

type Mark = (start: number, length: number) => void;

/** The bytes in rows; returns the element, and a function that marks some of them. */
function hexView(bytes: Uint8Array): { element: HTMLElement; mark: Mark } {
  const element = make('div', 'hex');
  element.tabIndex = 0;
  element.setAttribute('role', 'group');
  element.setAttribute('aria-label', `Bytes, ${bytes.length}`);
  const cells: HTMLElement[] = [];
  for (const row of hexRows(bytes)) {
    const line = make('div', 'row');
    line.append(make('span', 'offset', row.offset));
    const digits = make('span', 'digits');
    for (const byte of row.bytes) {
      const cell = make('span', '', byte);
      cells.push(cell);
      digits.append(cell, ' ');
    }
    line.append(digits, make('span', 'text', row.text));
    element.append(line);
  }
  const mark: Mark = (start, length) => {
    for (const [i, cell] of cells.entries()) {
      cell.classList.toggle('marked', i >= start && i < start + length);
    }
  };
  return { element, mark };
}

function layerView(layer: Decoded['layers'][number], mark: Mark): HTMLElement {
  const details = make('details', 'layer');
  details.open = true;
  const name = make('summary', '', layer.isCut ? `${layer.name} (cut short)` : layer.name);
  const whole = (): void => mark(layer.start, layer.length);
  const none = (): void => mark(0, 0);
  name.addEventListener('focus', whole);
  name.addEventListener('blur', none);
  name.addEventListener('pointerenter', whole);
  name.addEventListener('pointerleave', none);
  const list = make('dl');
  for (const field of layer.fields) {
    const row = make('div');
    row.append(make('dt', '', field.name), make('dd', '', field.value));
    row.addEventListener('pointerenter', () => mark(field.start, field.length));
    row.addEventListener('pointerleave', none);
    list.append(row);
  }
  details.append(name, list);
  return details;
}

/** Shows a packet under a title. */
export function showPacket(title: string, frame: SeenFrame<string>, decoded: Decoded): void {
  const { element, mark } = hexView(frame.bytes);
  const cut = frame.bytes.length < frame.length ? `, the first ${frame.bytes.length} kept` : '';
  const lost = frame.isLost ? '. Lost on the cable' : '';
  const line = `${decoded.source} → ${decoded.destination}, ${frame.length} bytes${cut}${lost}`;
  const layers = make('div', 'layers');
  layers.append(...decoded.layers.map((layer) => layerView(layer, mark)));
  byId('detail').replaceChildren(make('h3', '', title), make('p', 'quiet', line), layers, element);
}

/** Shows that no packet is chosen. */
export function showNoPacket(): void {
  const text = 'Choose a packet to see its headers and bytes. Arrow keys move through the list.';
  byId('detail').replaceChildren(make('p', 'quiet', text));
}
