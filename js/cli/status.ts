// SPDX-License-Identifier: MIT
// status - the live table of a network: guests, flows, rates

import type { FlowSnapshot } from '../gateway/gateway.ts';
import type { VirtualNetwork } from '../network/network.ts';

const FLOWS = 20;

/** A number of bytes or bits in three digits. */
export function amount(value: number, unit: string): string {
  const steps = ['', 'k', 'M', 'G', 'T'];
  let step = 0;
  let rest = value;
  while (rest >= 999.5 && step < steps.length - 1) {
    rest /= 1000;
    step++;
  }
  const digits = step === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${steps[step]}${unit}`;
}

/** Seconds as 12s, 3m, 4h. */
export function age(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 100) return `${seconds}s`;
  return seconds < 6000 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 3600)}h`;
}

/** Lines of columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, n) => {
      widths[n] = Math.max(widths[n] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const endOf = ({ address, port, name }: FlowSnapshot['source']): string =>
  `${name ?? (address.includes(':') ? `[${address}]` : address)}:${port}`;

/** Rates of a network since the last look. */
export class Status {
  readonly #net: VirtualNetwork;
  #at = performance.now();
  #out = 0;
  #back = 0;

  constructor(net: VirtualNetwork) {
    this.#net = net;
  }

  /** The table now. */
  lines(): string[] {
    const { gateway, switch: hub, address } = this.#net;
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.#at) / 1000);
    const { bytesOut, bytesIn, tcpFlows, udpMappings, denied, failed, limited } =
      gateway.statistics;
    const rate = (bytes: number): string => amount((bytes * 8) / seconds, 'bit/s');
    const head = [
      `gateway ${address}  out ${rate(bytesOut - this.#out)}  in ${rate(bytesIn - this.#back)}`,
      `${tcpFlows} TCP  ${udpMappings} UDP  ${denied} denied  ${failed} failed  ${limited} limited`,
    ];
    this.#at = now;
    this.#out = bytesOut;
    this.#back = bytesIn;
    const guests = [...this.#net.guests()].map((guest) => [
      guest.name || '-',
      guest.address,
      guest.mac,
      `lease ${age(guest.expiresAt - Date.now())}`,
    ]);
    const ports = hub.ports.map(({ name, statistics }) => [
      name,
      `rx ${amount(statistics.rxBytes, 'B')}`,
      `tx ${amount(statistics.txBytes, 'B')}`,
    ]);
    const flows = [...gateway.flows()]
      .sort((a, b) => b.bytesIn + b.bytesOut - a.bytesIn - a.bytesOut)
      .slice(0, FLOWS)
      .map((flow) => [
        flow.protocol,
        endOf(flow.source),
        flow.state === 'open' ? '->' : '..',
        endOf(flow.destination),
        `out ${amount(flow.bytesOut, 'B')}`,
        `in ${amount(flow.bytesIn, 'B')}`,
        age(flow.age),
      ]);
    return [
      ...head,
      ...[
        '',
        'PORTS',
        ...table(ports),
        '',
        'GUESTS',
        ...table(guests),
        '',
        'FLOWS',
        ...table(flows),
      ],
    ];
  }
}
