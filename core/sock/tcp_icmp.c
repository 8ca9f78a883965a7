/* SPDX-License-Identifier: MIT */
/* tcp_icmp.c - ICMP errors about connections (RFC 5461, RFC 5927), and the MTU of their paths (RFC 1191, RFC 8201)
 *
 * An error that quotes our SYN, which alone is on the way then, ends the connection that is being opened: nobody
 * listens there, or there is no way. One that is open goes on: the error may be forged, or pass.
 *
 * A segment that was too large for the path lowers the MSS. All in flight is taken as lost, cut and sent again at
 * once, in the congestion window that there is: it was no congestion. When the path's MTU is forgotten, the MSS is
 * what it was (tcp_sock_data_path()).
 */
#include "sock/tcp_icmp.h"

#include "lwip/priv/tcp_priv.h"

#include "lwext/path_mtu.h"
#include "lwext/tcp_table.h"
#include "sock/sock_work.h"
#include "sock/tcp.h"
#include "sock/tcp_data.h"

/**
 * tcp_icmp_error() - An ICMP error quotes a segment
 * @answer: ends of what would answer it
 * @sequence: its sequence number
 * @error: code of the ABI
 * @mtu: of the path, with ABI_EMSGSIZE
 *
 * Return: 1 if that segment is on the way
 */
int tcp_icmp_error(const struct datagram *answer, uint32_t sequence, int error, uint32_t mtu)
{
    struct tcp_pcb *pcb =
        lwext_table_find(&answer->to, answer->to_port, &answer->from, answer->from_port);
    struct tcp_sock *t;

    /* In SYN_RCVD it is the listener's. */
    if (!pcb || !pcb->callback_arg || pcb->state == SYN_RCVD ||
        sequence - pcb->lastack >= pcb->snd_nxt - pcb->lastack) {
        return 0;
    }
    t = pcb->callback_arg;
    if (mtu) {
        uint32_t mss = pcb->mss;

        if (!lwext_path_mtu_lower(&pcb->remote_ip, mtu, 1) || pcb->state == SYN_SENT) {
            return 1;
        }
        tcp_sock_data_path(t);
        if (pcb->mss < mss && tcp_rexmit_rto_prepare(pcb) == ERR_OK) {
            pcb->rtime = 0;
            sock_work(&t->sock);
        }
    } else if (pcb->state == SYN_SENT) {
        tcp_sock_abort(&t->sock, error);
    }
    return 1;
}
