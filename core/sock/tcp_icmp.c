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
 * @answer: ends of what would answer it
 * @sequence: its sequence number
 * @error: code of the ABI
 */
void tcp_icmp_error(const struct datagram *answer, uint32_t sequence, int error)
{
    struct tcp_pcb *pcb =
        lwext_table_find(&answer->to, answer->to_port, &answer->from, answer->from_port);

    /* The SYN alone is on the way. */
    if (pcb && pcb->state == SYN_SENT && pcb->callback_arg && sequence == pcb->snd_nxt - 1) {
        tcp_sock_abort(pcb->callback_arg, error);
    }
}
