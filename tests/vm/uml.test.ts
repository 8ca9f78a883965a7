// SPDX-License-Identifier: MIT
// uml.test - User-mode Linux on ringstack/qemu: its frames come over UDP, behind the header of L2TPv3

import { testLinuxGuest } from './lib/linux_guest.ts';
import { lacksGuest } from './lib/need.ts';
import { openUml, UML_FAULT } from './lib/uml.ts';

const why = lacksGuest('uml', 'User-mode Linux');

for (const mtu of [1500, 9000]) {
  testLinuxGuest(`User-mode Linux, MTU ${mtu}`, {
    why,
    ownFault: UML_FAULT,
    mtu,
    // It starts itself anew with its sockets open, and would find its own port taken.
    reboot: 'ip link set vec0 down; reboot -f',
    open: (scope) => openUml(scope, mtu),
  });
}
