/* SPDX-License-Identifier: MIT */
/* conn.h - one TCP connection between lwIP and the rig's peer, whose side the test plays
 *
 * conn.pcb is lwIP's side. conn.snd is the next sequence number the peer sends, conn.rcv the next
 * it expects. Data from lwIP is collected in conn_got[] and not given back to the window.
 */
#ifndef RINGSTACK_TEST_CONN_H
#define RINGSTACK_TEST_CONN_H

#include "rig.h"

#define CONN_PORT 80
#define CONN_PEER_PORT 1000
#define CONN_PEER_ISN 0xfffffe00u
#define CONN_GOT_MAX (1 << 20)

static struct {
    struct tcp_pcb *pcb;
    u32_t snd, rcv;
    u16_t wnd; /* the peer's */
    int ip6, tap;
    u32_t got; /* bytes in conn_got[] */
    int eof;   /* lwIP reported the peer's FIN */
    err_t err; /* lwIP reported the end of the connection */
} conn;
static u8_t conn_got[CONN_GOT_MAX];

static err_t conn_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    LWIP_UNUSED_ARG(arg);
    LWIP_UNUSED_ARG(pcb);
    LWIP_UNUSED_ARG(err);
    if (!p) {
        conn.eof = 1;
        return ERR_OK;
    }
    conn.got += pbuf_copy_partial(p, conn_got + conn.got, p->tot_len, 0);
    pbuf_free(p);
    return ERR_OK;
}

static void conn_err(void *arg, err_t err)
{
    LWIP_UNUSED_ARG(arg);
    conn.err = err;
    conn.pcb = NULL;
}

static err_t conn_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    LWIP_UNUSED_ARG(arg);
    LWIP_UNUSED_ARG(err);
    conn.pcb = pcb;
    tcp_recv(pcb, conn_recv);
    tcp_err(pcb, conn_err);
    return ERR_OK;
}

static inline err_t conn_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    return conn_accept(arg, pcb, err);
}

/**
 * conn_feed() - hand lwIP a segment of this connection
 * @seg: flags, options and data; addresses, ports and window are filled in, and the sequence
 *       number and the acknowledgement where they are 0
 */
static void conn_feed(struct rig_seg seg)
{
    seg.from = conn.pcb && conn.pcb->state != LISTEN ? conn.pcb->remote_port : CONN_PEER_PORT;
    seg.to = conn.pcb && conn.pcb->state != LISTEN ? conn.pcb->local_port : CONN_PORT;
    seg.ip6 = conn.ip6;
    seg.tap = conn.tap;
    seg.wnd = seg.wnd ? seg.wnd : conn.wnd;
    seg.seq = seg.seq ? seg.seq : conn.snd;
    seg.ack = seg.ack || !(seg.flags & TCP_ACK) ? seg.ack : conn.rcv;
    rig_feed_tcp(&seg);
}

/**
 * conn_data() - hand lwIP data of this connection
 * @offset: of the data from conn.snd on; conn.snd is not moved
 * @data: bytes
 * @len: how many
 * @flags: besides ACK
 */
static inline void conn_data(u32_t offset, const u8_t *data, u16_t len, u8_t flags)
{
    conn_feed((struct rig_seg){
        .seq = conn.snd + offset, .flags = (u8_t)(TCP_ACK | flags), .data = data, .len = len });
}

/**
 * conn_listen() - a listener on CONN_PORT
 */
static void conn_listen(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

    if (!pcb || tcp_bind(pcb, IP_ANY_TYPE, CONN_PORT) != ERR_OK || !(pcb = tcp_listen(pcb)))
        abort();
    tcp_accept(pcb, conn_accept);
}

/**
 * conn_open() - have the peer connect to us
 * @mss: its MSS
 * @wnd: its window
 */
static inline void conn_open(u16_t mss, u16_t wnd)
{
    u8_t opt[8] = { LWIP_TCP_OPT_MSS, 4, 0, 0, LWIP_TCP_OPT_SACK_PERM, 2, 1, 1 };
    struct rig_seg sent;

    put16(opt + 2, mss);
    conn.snd = CONN_PEER_ISN;
    conn.wnd = wnd;
    conn_listen();
    rig_forget();
    conn_feed((struct rig_seg){ .flags = TCP_SYN, .opt = opt, .optlen = sizeof(opt) });
    if (!rig_sent(0, &sent) || sent.flags != (TCP_SYN | TCP_ACK))
        abort();
    conn.snd++;
    conn.rcv = sent.seq + 1;
    conn_feed((struct rig_seg){ .flags = TCP_ACK });
    rig_forget();
    if (!conn.pcb)
        abort();
}

/**
 * conn_connect() - have lwIP connect to the peer, as far as the SYN
 * @connected: callback
 */
static inline void conn_connect(tcp_connected_fn connected)
{
    struct rig_seg sent;
    ip_addr_t peer;

    if (!ipaddr_aton("10.0.0.2", &peer) || !(conn.pcb = tcp_new()))
        abort();
    tcp_err(conn.pcb, conn_err);
    if (tcp_connect(conn.pcb, &peer, CONN_PEER_PORT, connected) != ERR_OK || !rig_sent(0, &sent))
        abort();
    conn.snd = CONN_PEER_ISN;
    conn.rcv = sent.seq + 1;
    conn.wnd = 0xffff;
    rig_forget();
}

/**
 * conn_write() - tcp_write() without copy, and tcp_output()
 * @data: bytes
 * @len: how many
 *
 * Return: what they return
 */
static inline err_t conn_write(const void *data, u16_t len)
{
    err_t err = tcp_write(conn.pcb, data, len, 0);

    return err == ERR_OK ? tcp_output(conn.pcb) : err;
}

/**
 * next_sent() - let time pass until lwIP sends something; rig_out[] is emptied before
 * @max: milliseconds
 *
 * Return: how long it took, at most max
 */
static inline u32_t next_sent(u32_t max)
{
    u32_t ms = 0;

    for (rig_forget(); !rig_out_count && ms < max; ms += TCP_TMR_INTERVAL)
        rig_ms(TCP_TMR_INTERVAL);
    return ms;
}

#endif /* RINGSTACK_TEST_CONN_H */
