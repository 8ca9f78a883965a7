// SPDX-License-Identifier: MIT
// tcp - connections of guests: decided, dialled, answered, relayed
//
// Theory of operation
//
// | step      | what happens                                                     | the guest                     |
// |-----------|------------------------------------------------------------------|-------------------------------|
// | held      | bounds and policy are asked                                      | waits: no SYN-ACK             |
// | dialled   | the way out connects to the very address that was asked about    | waits                         |
// | answered  | the SYN is accepted                                              | connected, or it is gone      |
// | relayed   | js/gateway/relay.ts                                              | sends and receives            |
//
// The guest is answered only when the far side is there, so it sees a refusal as a refusal, and tries another address
// at once. Everything that is dialled and not answered is reset.

import type { HeldConnection, TcpInterceptor } from '../api/intercept.ts';
import type { StreamConnection } from '../api/transport.ts';
import { NetError } from '../errors.ts';
import { untilAborted } from '../util/abort.ts';
import type { Flow } from './book.ts';
import { type Core, rejectionOf } from './core.ts';
import { serveDnsStream } from './dns_stream.ts';
import { relay, reset } from './relay.ts';
import type { FlowEnd, Rejection, TcpFlow } from './types.ts';

const DNS_PORT = 53;

/** The result of a way out: a connection, a refusal, or undefined: the function has served the guest itself. */
type Dialled = StreamConnection | Rejection | undefined;

/** The connections of one gateway. */
export class TcpFlows {
  readonly #core: Core;
  readonly #interceptor: TcpInterceptor;
  readonly #running = new Set<Promise<void>>();

  constructor(core: Core, interceptor: TcpInterceptor) {
    this.#core = core;
    this.#interceptor = interceptor;
  }

  /** Serves guests until the interceptor ends. */
  async run(): Promise<void> {
    for await (const held of this.#interceptor) {
      const served = this.#serve(held).catch(() => held.reject('unreachable'));
      this.#running.add(served);
      void served.then(() => this.#running.delete(served));
    }
    await Promise.all(this.#running);
  }

  async #serve(held: HeldConnection): Promise<void> {
    const core = this.#core;
    const source = core.guest(held.remoteAddress, held.remotePort);
    const { localAddress: address, localPort: port } = held;
    const { dns, tcp } = core.options;
    if (dns && port === DNS_PORT) {
      await this.#serveDns(held, source, { address, port });
      return;
    }
    const { destination, decision } = core.decide('tcp', source, address, port);
    if (!decision.isAllowed) {
      held.reject(core.onDeny);
      return;
    }
    if (!tcp) {
      const error = new NetError('EHOSTUNREACH', 'Cannot connect', {
        reason: 'there is no way out',
      });
      core.failed('tcp', source, destination, error);
      held.reject('unreachable');
      return;
    }
    const flow = core.book.open('tcp', 'out', source, destination);
    if (!flow) {
      held.reject('drop');
      return;
    }
    await this.#connect(held, flow);
  }

  async #connect(held: HeldConnection, flow: Flow): Promise<void> {
    const core = this.#core;
    const { source, destination } = flow;
    const giveUp = new AbortController();
    const late = (): void => {
      giveUp.abort(new NetError('ETIMEDOUT', `Cannot connect to ${destination.address}`));
    };
    const timer = setTimeout(late, core.connectTimeout);
    flow.end = (reason) => giveUp.abort(reason ?? new NetError('ETIMEDOUT', 'Cannot connect'));
    let far: StreamConnection | undefined;
    let failure: unknown;
    try {
      const dialled = await untilAborted(
        this.#dial(held, flow, giveUp.signal),
        giveUp.signal,
        (late) => typeof late === 'object' && reset(late),
      );
      clearTimeout(timer);
      if (dialled === undefined) {
        if (!held.isDecided) this.#reject(held, flow, 'refused');
        return;
      }
      if (typeof dialled === 'string') {
        this.#reject(held, flow, dialled);
        return;
      }
      far = dialled;
      const near = await held.accept();
      core.book.opened(flow);
      flow.end = (reason) => {
        reset(near, reason);
        reset(dialled, reason);
      };
      await relay(near, dialled, {
        out: (bytes) => core.book.count(flow, 'bytesOut', bytes),
        back: (bytes) => core.book.count(flow, 'bytesIn', bytes),
      });
    } catch (error) {
      failure = error;
      if (flow.state === 'connecting') {
        core.failed('tcp', source, destination, error);
        if (far) reset(far, error);
        held.reject(rejectionOf(error));
      }
    } finally {
      clearTimeout(timer);
      core.book.close(flow, failure);
    }
  }

  #reject(held: HeldConnection, { source, destination }: Flow, how: Rejection): void {
    this.#core.book.feed.push({ kind: 'reject', protocol: 'tcp', source, destination });
    held.reject(how);
  }

  async #dial(held: HeldConnection, flow: Flow, signal: AbortSignal): Promise<Dialled> {
    const { source, destination } = flow;
    const { tcp } = this.#core.options;
    const { address, port } = destination;
    if (typeof tcp !== 'function') {
      if (!tcp?.takesNames) return tcp?.connect({ host: address, port, signal });
      const names = this.#core.namesOf(source, destination);
      const allows = (host: string, at: number): boolean =>
        this.#core.policy.decideHost(host, at, source).isAllowed;
      return tcp.connect({ host: names[0] ?? address, port, signal, names, allows });
    }
    const ours: TcpFlow = {
      source,
      destination,
      signal,
      accept: async () => {
        const connection = await held.accept();
        this.#core.book.opened(flow);
        return connection;
      },
      reject: (how) => held.reject(how),
    };
    return (await tcp(ours)) ?? undefined;
  }

  /** A guest asks another name server over TCP: ours answers. */
  async #serveDns(held: HeldConnection, source: FlowEnd, destination: FlowEnd): Promise<void> {
    const core = this.#core;
    const { dns } = core.options;
    const flow = dns && core.book.open('tcp', 'out', source, destination);
    if (!flow) {
      held.reject('drop');
      return;
    }
    try {
      const connection = await held.accept();
      core.book.opened(flow);
      flow.end = (reason) => reset(connection, reason);
      await serveDnsStream(connection, (query) => {
        core.book.count(flow, 'bytesOut', query.length);
        return core.answer(query, source, 'tcp');
      });
    } catch {
      // The guest's connection failed, or a message of it was none.
    } finally {
      core.book.close(flow);
    }
  }
}
