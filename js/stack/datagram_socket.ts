// SPDX-License-Identifier: MIT
// datagram_socket - what UDP and ICMP sockets have in common

import { CMD_JOIN, CMD_LEAVE } from '../abi.ts';
import type { MembershipOptions } from '../api/udp.ts';
import type { DatagramEnds } from './datagram_ends.ts';
import { member } from './membership.ts';
import type { Names } from './names.ts';

/** A socket with its ends of the rings. */
export abstract class DatagramSocketBase implements AsyncDisposable {
  protected readonly ends: DatagramEnds;
  protected readonly names: Names;
  /** The reason in errors of a closed socket. */
  readonly #whyClosed: string;

  constructor(ends: DatagramEnds, names: Names, whyClosed: string) {
    this.ends = ends;
    this.names = names;
    this.#whyClosed = whyClosed;
  }

  get closed(): Promise<void> {
    return this.ends.closed;
  }

  join(group: string, options: MembershipOptions = {}): Promise<void> {
    return member(this.ends, this.names, CMD_JOIN, group, options);
  }

  leave(group: string, options: MembershipOptions = {}): Promise<void> {
    return member(this.ends, this.names, CMD_LEAVE, group, options);
  }

  ref(): this {
    this.ends.channel.ref(this.ends.handle, true);
    return this;
  }

  unref(): this {
    this.ends.channel.ref(this.ends.handle, false);
    return this;
  }

  async close(): Promise<void> {
    this.ends.close(this.#whyClosed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
