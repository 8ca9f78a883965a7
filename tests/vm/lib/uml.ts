// SPDX-License-Identifier: MIT
// uml - starts User-mode Linux: its frames come over UDP, behind the header of L2TPv3

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { openQemuDatagram } from 'ringstack/qemu';
import { freePort } from '../../helpers/ports.ts';
import { GUEST, Guest } from './guest.ts';
import { guestFile } from './need.ts';
import type { Scope } from './scope.ts';

/** Its output when it cannot boot on this machine through a fault of its own. */
export const UML_FAULT = /ptrace set fp regs failed, errno = 14/;

/** Of a session as each side knows it. */
const SESSION = { guest: 1, ours: 2 };
/** Version 3, a data message; then the session that the guest expects. */
const PREFIX = Uint8Array.of(0, 3, 0, 0, 0, 0, 0, SESSION.ours);

/** Environment of the guest. */
function environment(): NodeJS.ProcessEnv {
  const xstate = guestFile('uml_xstate.so');
  return {
    ...process.env,
    // Its memory is a file there: on a disk it would be written out.
    TMPDIR: existsSync('/dev/shm') ? '/dev/shm' : tmpdir(),
    // Else it dies on a processor with a large register state (tests/vm/uml_xstate.c).
    ...(existsSync(xstate) ? { LD_PRELOAD: xstate } : {}),
  };
}

/** Starts it. `card` is the other end of its network card. */
export async function openUml(scope: Scope, mtu: number, mac: string = GUEST.mac) {
  const port = await freePort('udp');
  const card = await openQemuDatagram({ port, prefix: PREFIX, mtu });
  scope.defer(() => card.close());
  const vector = {
    transport: 'l2tpv3',
    udp: 1,
    ...{ src: '127.0.0.1', srcport: port, dst: '127.0.0.1', dstport: card.localPort },
    ...{ tx_session: SESSION.guest, rx_session: SESSION.ours },
    ...{ depth: 128, mac, mtu },
  };
  const options = Object.entries(vector).map(([name, value]) => `${name}=${value}`);
  const guest = new Guest(
    scope,
    [
      ...[guestFile('uml/linux'), 'mem=384M', `initrd=${guestFile('uml/initrd')}`],
      ...['con0=fd:0,fd:1', 'con=null', 'quiet', `vec0:${options.join(',')}`],
    ],
    // Its processes end as a group.
    { device: 'vec0', detached: true, env: environment() },
  );
  return { guest, card };
}
