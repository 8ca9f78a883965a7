/* SPDX-License-Identifier: MIT */
/* tcp_icmp.c - ICMP errors about connections (RFC 5461, RFC 5927)
 *
 * An error that quotes our SYN ends the connection that is being opened: nobody listens there, or there
 * is no way. One that is open goes on: the error may be forged, or pass.
 */
#include "sock/tcp_icmp.h"

#include "lwip/priv/tcp_priv.h"

#include "lwext/tcp_table.h"
#include "sock/tcp.h"

/**
 * tcp_icmp_error() - An ICMP error quotes a segment
 * @local: its source
 * @port: its source port
 * @remote: its destination
 * @remote_port: its destination port
 * @sequence: its sequence number
 * @error: code of the ABI, 0: it may pass
 */
void tcp_icmp_error(const ip_addr_t *local, uint16_t port, const ip_addr_t *remote,
                    uint16_t remote_port, uint32_t sequence, int error)
{
    struct tcp_pcb *pcb = lwext_table_find(local, port, remote, remote_port);

    if (pcb && error && pcb->state == SYN_SENT && pcb->callback_arg &&
        sequence - pcb->lastack < pcb->snd_nxt - pcb->lastack) {
        tcp_sock_abort(pcb->callback_arg, error);
    }
}
