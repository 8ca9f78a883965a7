/* SPDX-License-Identifier: MIT */
/* ringif.c - lwIP driver over two frame rings: tap, tun and loopback (the table: core/iface/iface.c)
 *
 * Theory of operation
 *
 * An interface owns two frame rings: tx, which we fill, and rx, which we empty. The other end
 * may be JavaScript or another stack. On a wire inside one arena our rx side reads the other
 * interface's tx ring, and a loopback interface reads its own.
 *
 * Transmit: ringif_output() gathers headers and payload into the ring, the one copy of the way
 * out. If tx has no consumer or the interface is down, the frame is dropped and counted. If the ring is full, lwIP gets ERR_MEM
 * and keeps the segment; `blocked` remembers to call tcp_output() when the
 * consumer has made room, because lwIP would only try again at the next ACK or timer. Small frames
 * (ACKs, resets, ARP, which lwIP does not keep) may use the last IFACE_TX_RESERVE bytes of a ring that
 * large ones may not touch.
 *
 * Segmentation offload: the consumer of tx announces the largest frame it accepts (gso_max_size).
 * Another stack accepts frames above the MTU while it is wired to us. TCP then hands us segments of
 * many MSS, nobody has to split them, and the MSS stays what both sides agreed on. A frame that is
 * too large when it comes, because the wire was pulled, is dropped and counted; TCP splits it when it
 * sends again.
 *
 * Receive: low_level_input() wraps the frame where it lies in a custom pbuf. lwIP frees it before
 * the input call returns, with the exceptions made harmless: IP fragments are copied before they
 * are passed on, segments queued out of order are copied by lwIP (lwip/patches), and queues of
 * address resolution copy always (PBUF_NEEDS_COPY). Should a frame be held all the same, the
 * interface takes no more until it is given back: the ring is released in order.
 *
 * The other end is notified once a batch (ringif_flush), not once a frame.
 */
#include "iface/ringif.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/snmp.h"

#include "lwip_port.h"

/* Packets up to this size may use the last IFACE_TX_RESERVE bytes. */
#define TX_SMALL 256u

static struct stack_stats *stats;
static uint32_t packets;

/**
 * ringif_setup() - Set where to count
 * @to: the stack's counters
 */
void ringif_setup(struct stack_stats *to)
{
    stats = to;
}

/**
 * ringif_packets() - Packets in and out so far: the timers stop when it stands still
 *
 * Return: count, wrapping
 */
uint32_t ringif_packets(void)
{
    return packets;
}

/**
 * ringif_keep_time() - Have the timers go on as if there had been a packet
 */
void ringif_keep_time(void)
{
    packets++;
}

/**
 * ringif_gso_max_size() - Largest frame that the consumer of tx accepts now, whatever the MTU
 * @ifc: interface
 *
 * Return: bytes, link header included; 0: none above the MTU
 */
uint32_t ringif_gso_max_size(const struct ringif *ifc)
{
    uint32_t most =
        atomic_load_explicit(&ifc->pub->tx.gso_max_size, memory_order_relaxed); /* a hint */

    return LWIP_MIN(most, ifc->gso_max_size);
}

/**
 * crowded() - Whether a packet that has room would use what is reserved for small ones
 * @ifc: interface
 * @length: bytes of the packet, reserved in tx
 *
 * Return: 1 if so; what is skipped at the end of the ring counts as used
 */
static int crowded(struct ringif *ifc, uint32_t length)
{
    struct producer *tx = &ifc->tx;
    uint32_t most = tx->ring->size[0] - IFACE_TX_RESERVE;

    if (length <= TX_SMALL || tx->tail - tx->head + tx->skip + length <= most) {
        return 0;
    }
    producer_refresh(tx);
    /* In the smallest ring, the largest packet may fit nowhere else. */
    return tx->tail != tx->head && tx->tail - tx->head + tx->skip + length > most;
}

/**
 * ringif_output() - Put a packet into the tx ring
 * @netif: interface
 * @p: packet, possibly a chain
 *
 * Return: ERR_OK: sent or dropped, ERR_MEM: no room now
 */
err_t ringif_output(struct netif *netif, struct pbuf *p)
{
    struct ringif *ifc = netif->state;
    struct abi_iface *pub = ifc->pub;
    uint8_t *to;

    if (!*(volatile uint32_t *)&pub->listening || !netif_is_up(netif)) {
        pub->dropped++;
        return ERR_OK;
    }
    if (p->tot_len > LWIP_MAX(ringif_gso_max_size(ifc), pub->frame_max)) {
        pub->tx_lost++;
        return ERR_OK;
    }
    if (frame_reserve(&ifc->tx, p->tot_len, &to) != 0 || crowded(ifc, p->tot_len)) {
        pub->tx_blocked++;
        if (p->tot_len <= TX_SMALL) {
            pub->tx_lost++;
        }
        ifc->blocked = 1;
        frame_cancel(&ifc->tx);
        return ERR_MEM;
    }
    pub->tx_bytes += p->tot_len;
    pub->tx_packets++;
    stats->bytes_copied += p->tot_len;
    packets++;
    for (; p; p = p->next) {
        __builtin_memcpy(to, p->payload, p->len);
        to += p->len;
    }
    frame_submit(&ifc->tx, ifc->tx.reserved);
    return ERR_OK;
}

/**
 * output_ip4() - Send an IPv4 packet on a link without addresses
 * @netif: interface
 * @p: packet
 * @dest: next hop, of no use here
 *
 * Return: as ringif_output()
 */
static err_t output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    (void)dest;
    return ringif_output(netif, p);
}

/**
 * output_ip6() - Send an IPv6 packet on a link without addresses
 * @netif: interface
 * @p: packet
 * @dest: next hop, of no use here
 *
 * Return: as ringif_output()
 */
static err_t output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
    (void)dest;
    return ringif_output(netif, p);
}

/**
 * ringif_init() - Set what netif_add() leaves to the driver (it zeroes the rest before)
 * @netif: interface
 *
 * Return: ERR_OK
 */
err_t ringif_init(struct netif *netif)
{
    struct ringif *ifc = netif->state;

    netif->name[0] = 'r';
    netif->name[1] = "?lutb"[ifc->pub->kind];
    netif->mtu = (u16_t)ifc->pub->mtu;
    MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 0);
    if (ifc->pub->kind >= IFACE_TAP) {
        netif->output = etharp_output;
        netif->output_ip6 = ethip6_output;
        netif->linkoutput = ringif_output;
        netif->flags =
            NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
        netif->hwaddr_len = ETH_HWADDR_LEN;
    } else {
        netif->output = output_ip4;
        netif->output_ip6 = output_ip6;
        netif->flags = 0;
    }
    netif->flags |= NETIF_FLAG_LINK_UP | NETIF_FLAG_IGMP;
    return ERR_OK;
}

/**
 * slot_free() - lwIP gives the wrapped frame back
 * @p: the slot's pbuf
 */
static void slot_free(struct pbuf *p)
{
    struct ringif *ifc = (struct ringif *)(void *)((char *)p - offsetof(struct ringif, slot));

    ifc->slot_used = 0;
    frame_release(&ifc->rx);
}

/**
 * packet_in() - Find the IP packet in a frame
 * @ifc: interface
 * @frame: the frame, with a whole link header
 *
 * Return: where it begins, at least as long as the header of its version, or NULL: none
 */
static const uint8_t *packet_in(const struct ringif *ifc, const struct span *frame)
{
    const uint8_t *ip = frame->data;
    uint32_t length = frame->length;

    if (ifc->pub->kind >= IFACE_TAP) {
        uint32_t type = (uint32_t)ip[12] << 8 | ip[13];

        if (type != ETHTYPE_IP && type != ETHTYPE_IPV6) {
            return NULL;
        }
        ip += ETHERNET_HEADER;
        length -= ETHERNET_HEADER;
    }
    if (length >= IP_HLEN && (ip[0] >> 4 == 4 || (length >= IP6_HLEN && ip[0] >> 4 == 6))) {
        return ip;
    }
    return NULL;
}

/**
 * keeps() - Whether lwIP may keep the packet beyond the input call: IP fragments, and what has a tag
 * @ifc: interface
 * @frame: the frame
 *
 * Return: 1 if it has to be copied first
 */
static int keeps(const struct ringif *ifc, const struct span *frame)
{
    const uint8_t *ip = packet_in(ifc, frame);

    if (!ip) {
        /* Anything may stand behind a tag. */
        return ifc->pub->kind >= IFACE_TAP && frame->data[12] == ETHTYPE_VLAN >> 8;
    }
    if (ip[0] >> 4 == 4) {
        return ((ip[6] & 0x3f) | ip[7]) != 0; /* more fragments, or an offset */
    }
    /* A fragment header may stand behind other extension headers: whatever does not begin with the
       payload is copied. */
    return ip[6] != IP6_NEXTH_TCP && ip[6] != IP6_NEXTH_ICMP6 && ip[6] != IP6_NEXTH_UDP;
}

/**
 * fits() - Whether a frame is not too large; above the MTU it must be a TCP segment (segmentation offload)
 * @ifc: interface
 * @frame: the frame, whole header
 *
 * Return: 1 if so
 */
static int fits(const struct ringif *ifc, const struct span *frame)
{
    const uint8_t *ip;

    if (frame->length <= ifc->pub->frame_max) {
        return 1;
    }
    ip = packet_in(ifc, frame);
    return ip && (ip[0] >> 4 == 4 ? ip[9] : ip[6]) == IP_PROTO_TCP;
}

/**
 * low_level_input() - Make a packet of the oldest frame
 * @ifc: interface
 * @frame: the frame, peeked at
 *
 * Return: pbuf, which owns the frame's slot or a copy, or NULL: out of memory, frame released
 */
static struct pbuf *low_level_input(struct ringif *ifc, const struct span *frame)
{
    struct pbuf *p;

    if (keeps(ifc, frame)) {
        p = pbuf_alloc(PBUF_RAW, (u16_t)frame->length, PBUF_RAM);
        if (p) {
            __builtin_memcpy(p->payload, frame->data, frame->length);
            ifc->pub->rx_copied++;
            stats->bytes_copied += frame->length;
        }
        frame_release(&ifc->rx);
        return p;
    }
    ifc->slot_used = 1;
    ifc->slot.custom_free_function = slot_free;
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)frame->length, PBUF_REF, &ifc->slot, frame->data,
                               (u16_t)frame->length);
}

/**
 * ringif_deliver() - Pass a frame to lwIP
 * @ifc: interface it came by
 * @frame: the oldest frame, peeked at; released
 * @to: lwIP's interface that takes it: the same, or the bridge it is a port of
 */
void ringif_deliver(struct ringif *ifc, const struct span *frame, struct netif *to)
{
    struct pbuf *p = low_level_input(ifc, frame);

    if (p && to->input(p, to) != ERR_OK) {
        pbuf_free(p);
    }
}

/**
 * port_vlan_input() - Whether a frame with a tag of 802.1Q is taken (ETHARP_VLAN_CHECK_FN)
 * @tag: its priority and its VLAN
 *
 * Return: 1 if it has a priority alone
 */
int port_vlan_input(u16_t tag)
{
    if (!(tag & PP_HTONS(0xfff))) {
        return 1;
    }
    LINK_STATS_INC(link.drop);
    return 0;
}

/**
 * is_for_us() - Whether a frame is for us: on a link with addresses our own, or of a group
 * @ifc: interface
 * @frame: the frame, whole header
 *
 * Return: 1 if so; an interface that is down takes none
 */
static int is_for_us(const struct ringif *ifc, const uint8_t *frame)
{
    return netif_is_up(&ifc->netif) &&
           (ifc->pub->kind < IFACE_TAP || (frame[0] & 1) ||
            __builtin_memcmp(frame, ifc->netif.hwaddr, ETH_HWADDR_LEN) == 0);
}

/**
 * ringif_input() - Pass frames to lwIP
 * @ifc: interface
 * @budget: how many at the most
 *
 * Return: how many
 */
uint32_t ringif_input(struct ringif *ifc, uint32_t budget)
{
    uint32_t least = ifc->pub->kind >= IFACE_TAP ? ETHERNET_HEADER : 1u, done = 0;
    uint32_t most =
        ifc->gso_max_size && ifc->rx.ring != &ifc->pub->rx ? RINGIF_GSO_MAX : ifc->pub->frame_max;
    struct span frame;

    while (done < budget && !ifc->slot_used && frame_peek(&ifc->rx, most, &frame) == 0) {
        done++;
        packets++;
        if (frame.length < least) {
            ifc->pub->rx_invalid++;
            frame_release(&ifc->rx);
            continue;
        }
        if (!fits(ifc, &frame)) {
            ifc->rx.ring->bad++;
            frame_release(&ifc->rx);
            continue;
        }
        ifc->pub->rx_packets++;
        ifc->pub->rx_bytes += frame.length;
        if (!is_for_us(ifc, frame.data)) {
            LINK_STATS_INC(link.drop);
            frame_release(&ifc->rx);
            continue;
        }
        ringif_deliver(ifc, &frame, &ifc->netif);
    }
    return done;
}

/**
 * roomy() - How much tx may hold for a packet of any size to be sure of room
 * @ifc: interface
 *
 * Return: bytes; the largest packet takes a quarter of the ring, and as much may be skipped before it
 */
static uint32_t roomy(const struct ringif *ifc)
{
    uint32_t half = ifc->pub->tx.size[0] / 2,
             apart = IFACE_TX_RESERVE + 2 * FRAME_HEADER + FRAME_ALIGN;

    return half > apart ? half - apart : 0;
}

/**
 * ringif_has_room() - Whether a packet of a sender that can wait, or all fragments of it, would find room now
 * @ifc: interface
 * @length: bytes of the packet, its IP header included
 * @mtu: bytes of a fragment at the most
 *
 * As much as the largest frame may be skipped at the end of tx. The reserve for small packets is left to those
 * that cannot wait.
 *
 * Return: 0, ABI_EAGAIN: no, and ringif_retry() says when, ABI_EMSGSIZE: tx could never hold it
 */
int ringif_has_room(struct ringif *ifc, uint32_t length, uint32_t mtu)
{
    const uint32_t around = ETHERNET_HEADER + FRAME_HEADER + FRAME_ALIGN;
    struct producer *tx = &ifc->tx;
    uint32_t need = length + mtu + 2 * around, most = ifc->pub->tx.size[0] - IFACE_TX_RESERVE;

    if (length > mtu) {
        /* Headers of an IPv6 fragment take 48 bytes, and up to 7 stay free. */
        need += (length / (mtu - 56) + 1) * (around + 48);
    }
    if (!*(volatile uint32_t *)&ifc->pub->listening) {
        return 0; /* dropped there, and counted */
    }
    if (need > most) {
        return ABI_EMSGSIZE;
    }
    if (tx->tail - tx->head + need > most) {
        producer_refresh(tx);
        if (tx->tail - tx->head + need > most) {
            ifc->pub->tx_blocked++;
            ifc->blocked = 1;
            return ABI_EAGAIN;
        }
    }
    return 0;
}

/**
 * ringif_retry() - Whether room has returned after a packet was refused
 * @ifc: interface
 *
 * Return: 1 if so, once: the caller has TCP try again
 */
int ringif_retry(struct ringif *ifc)
{
    if (!ifc->blocked) {
        return 0;
    }
    producer_refresh(&ifc->tx);
    if (ifc->pub->listening && ifc->tx.tail - ifc->tx.head > roomy(ifc)) {
        return 0;
    }
    ifc->blocked = 0;
    return 1;
}

/**
 * ringif_flush() - Notify the other ends of what this batch has moved
 * @ifc: interface
 */
void ringif_flush(struct ringif *ifc)
{
    producer_notify(&ifc->tx);
    consumer_notify(&ifc->rx);
}

/**
 * ringif_arm() - Ask to be notified when frames come, and when room returns if we are blocked
 * @ifc: interface
 *
 * Return: 1 if there is nothing to do
 */
int ringif_arm(struct ringif *ifc)
{
    int idle = 1;

    if (!ifc->slot_used && (ifc->rx.head != ifc->rx.tail || !consumer_arm(&ifc->rx))) {
        idle = 0;
    }
    /* There may be room already: another packet has looked at head since one was refused. */
    if (ifc->blocked && (!producer_arm(&ifc->tx, ifc->tx.tail - roomy(ifc) - 1) ||
                         ifc->tx.tail - ifc->tx.head <= roomy(ifc))) {
        idle = 0;
    }
    return idle;
}
