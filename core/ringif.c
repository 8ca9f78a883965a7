/* SPDX-License-Identifier: MIT */
/* ringif.c - lwIP network interfaces over two frame rings: tap, tun and loopback
 *
 * Theory of operation
 *
 * An interface owns two frame rings: tx, which we fill, and rx, which we empty. What is at the
 * other end is not our business: JavaScript, or another stack. On a wire inside one arena our rx
 * side simply reads the other interface's tx ring, and a loopback interface reads its own.
 *
 * Transmit: low_level_output() gathers headers and payload into the ring, the one copy of the way
 * out. If nobody listens at the other end, the frame is dropped and counted. If the ring is full,
 * lwIP is told ERR_MEM and keeps the segment; `blocked` remembers to call tcp_output() when the
 * consumer has made room, because lwIP would only try again at the next ACK or timer. Small frames
 * (ACKs, resets, ARP, which lwIP does not keep) may use the last TX_RESERVE bytes of a ring that
 * large ones may not touch.
 *
 * Receive: low_level_input() wraps the frame where it lies in a custom pbuf. lwIP frees it before
 * the input call returns, with the exceptions made harmless: IP fragments are copied before they
 * are passed on, segments queued out of order are copied by lwIP (lwip/patches), and queues of
 * address resolution copy always (PBUF_NEEDS_COPY). Should a frame be held all the same, the
 * interface takes no more until it is given back: the ring is released in order.
 *
 * Handles are a slot number and a generation, so a handle of an interface that is gone finds
 * nothing. Bells are considered once a batch (ringif_flush), not once a frame.
 */
#include "ringif.h"

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/snmp.h"
#include "netif/ethernet.h"

#include "heap.h"
#include "lwip_port.h"

#define TX_RESERVE 8192u
#define TX_SMALL 256u

static struct ringif *ifaces[RINGIF_MAX + 1]; /* slot 0 is never used: handle 0 is none */
static uint16_t generations[RINGIF_MAX + 1];
static uint32_t arena_owner, engine_bell, app_bell;
static uint32_t packets;

/**
 * ringif_setup() - Tell where memory and bells are
 * @owner: arena owner number of the stack
 * @bell: offset of the engine's bell
 * @app: offset of the app's bell
 */
void ringif_setup(uint32_t owner, uint32_t bell, uint32_t app)
{
    arena_owner = owner;
    engine_bell = bell;
    app_bell = app;
}

/**
 * ringif_get() - The interface of a handle
 * @handle: from ringif_add()
 *
 * Return: interface, or NULL: never was or is gone
 */
struct ringif *ringif_get(uint32_t handle)
{
    uint32_t index = handle & 0xffff;

    if (index > RINGIF_MAX || !ifaces[index] || ifaces[index]->pub->handle != handle) {
        return NULL;
    }
    return ifaces[index];
}

/**
 * ringif_next() - Go through all interfaces, oldest slot first
 * @after: the last one, NULL to begin
 *
 * Return: interface, or NULL: that was the last
 */
struct ringif *ringif_next(const struct ringif *after)
{
    uint32_t i = after ? (after->pub->handle & 0xffff) + 1 : 1;

    for (; i <= RINGIF_MAX; i++) {
        if (ifaces[i]) {
            return ifaces[i];
        }
    }
    return NULL;
}

/**
 * ringif_handle_of() - The handle of one of lwIP's interfaces
 * @netif: lwIP's interface
 *
 * Return: handle
 */
uint32_t ringif_handle_of(const struct netif *netif)
{
    return ((const struct ringif *)netif->state)->pub->handle;
}

/**
 * ringif_packets() - Packets in and out so far: tells the timers whether anything goes on
 *
 * Return: count, wrapping
 */
uint32_t ringif_packets(void)
{
    return packets;
}

/**
 * low_level_output() - Put a packet into the tx ring
 * @netif: interface
 * @p: packet, possibly a chain
 *
 * Return: ERR_OK, ERR_MEM: no room now, ERR_BUF: too large for the interface
 */
static err_t low_level_output(struct netif *netif, struct pbuf *p)
{
    struct ringif *ifc = netif->state;
    struct iface *pub = ifc->pub;
    uint32_t size = pub->tx.size[0];
    uint8_t *to;

    if (!*(volatile uint32_t *)&pub->listening) {
        pub->dropped++;
        return ERR_OK;
    }
    if (p->tot_len > pub->frame_max) {
        return ERR_BUF;
    }
    if (p->tot_len > TX_SMALL && ifc->tx.tail - ifc->tx.head + p->tot_len > size - TX_RESERVE) {
        producer_refresh(&ifc->tx);
    }
    if ((p->tot_len > TX_SMALL && ifc->tx.tail - ifc->tx.head + p->tot_len > size - TX_RESERVE) ||
        frame_reserve(&ifc->tx, p->tot_len, &to) != 0) {
        pub->tx_blocked++;
        if (p->tot_len <= TX_SMALL) {
            pub->tx_lost++;
        }
        ifc->blocked = 1;
        return ERR_MEM;
    }
    pub->tx_bytes += p->tot_len;
    pub->tx_packets++;
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
 * Return: as low_level_output()
 */
static err_t output_ip4(struct netif *netif, struct pbuf *p, const ip4_addr_t *dest)
{
    (void)dest;
    return low_level_output(netif, p);
}

/**
 * output_ip6() - Send an IPv6 packet on a link without addresses
 * @netif: interface
 * @p: packet
 * @dest: next hop, of no use here
 *
 * Return: as low_level_output()
 */
static err_t output_ip6(struct netif *netif, struct pbuf *p, const ip6_addr_t *dest)
{
    (void)dest;
    return low_level_output(netif, p);
}

/**
 * low_level_init() - Set what netif_add() leaves to the driver (it zeroes the rest before)
 * @netif: interface
 *
 * Return: ERR_OK
 */
static err_t low_level_init(struct netif *netif)
{
    struct ringif *ifc = netif->state;

    netif->name[0] = 'r';
    netif->name[1] = "?lut"[ifc->pub->kind];
    netif->mtu = (u16_t)ifc->pub->mtu;
    MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 0);
    if (ifc->pub->kind == IFACE_TAP) {
        netif->output = etharp_output;
        netif->output_ip6 = ethip6_output;
        netif->linkoutput = low_level_output;
        netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
        netif->hwaddr_len = ETH_HWADDR_LEN;
    } else {
        netif->output = output_ip4;
        netif->output_ip6 = output_ip6;
        netif->flags = 0;
    }
    netif->flags |= NETIF_FLAG_LINK_UP;
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
 * keeps() - Whether lwIP may keep the packet beyond the input call: IP fragments
 * @ifc: interface
 * @frame: the frame
 *
 * Return: 1 if it has to be copied first
 */
static int keeps(const struct ringif *ifc, const struct span *frame)
{
    const uint8_t *ip = frame->data;
    uint32_t length = frame->length;

    if (ifc->pub->kind == IFACE_TAP) {
        uint32_t type = (uint32_t)ip[12] << 8 | ip[13];

        if (type != ETHTYPE_IP && type != ETHTYPE_IPV6) {
            return 0;
        }
        ip += ETHERNET_HEADER;
        length -= ETHERNET_HEADER;
    }
    if (length >= IP_HLEN && ip[0] >> 4 == 4) {
        return ((ip[6] & 0x3f) | ip[7]) != 0; /* more fragments, or an offset */
    }
    if (length >= IP6_HLEN && ip[0] >> 4 == 6) {
        /* A fragment header may stand behind other extension headers: whatever does not begin
           with the payload is copied. */
        return ip[6] != IP6_NEXTH_TCP && ip[6] != IP6_NEXTH_ICMP6;
    }
    return 0;
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
 * ringif_input() - Pass frames to lwIP
 * @ifc: interface
 * @budget: how many at the most
 *
 * Return: how many
 */
static uint32_t ringif_input(struct ringif *ifc, uint32_t budget)
{
    uint32_t least = ifc->pub->kind == IFACE_TAP ? ETHERNET_HEADER : 1u, done = 0;
    struct span frame;

    while (done < budget && !ifc->slot_used &&
           frame_peek(&ifc->rx, ifc->pub->frame_max, &frame) == 0) {
        struct pbuf *p;

        done++;
        packets++;
        if (frame.length < least) {
            ifc->pub->rx_invalid++;
            frame_release(&ifc->rx);
            continue;
        }
        ifc->pub->rx_packets++;
        ifc->pub->rx_bytes += frame.length;
        p = low_level_input(ifc, &frame);
        if (p && ifc->netif.input(p, &ifc->netif) != ERR_OK) {
            pbuf_free(p);
        }
    }
    return done;
}

/**
 * set_addresses() - Give lwIP the addresses
 * @ifc: interface, added
 */
static void set_addresses(struct ringif *ifc)
{
    struct netif *netif = &ifc->netif;
    s8_t next = 1;
    uint32_t i;

    for (i = 0; i < ifc->addr_count; i++) {
        ip_addr_t ip;

        if (ifc->addrs[i].family != FAMILY_IPV6) {
            continue;
        }
        port_to_lwip(&ifc->addrs[i], &ip);
        if (next == 1 && ifc->pub->kind == IFACE_TAP) {
            netif_create_ip6_linklocal_address(netif, 1);
            netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
            port_from_lwip(netif_ip_addr6(netif, 0), 0, &ifc->pub->link_local);
        }
        ip6_addr_assign_zone(ip_2_ip6(&ip), IP6_UNICAST, netif);
        /* State first: no duplicate address detection, the address is what the user says. */
        netif_ip6_addr_set(netif, next, ip_2_ip6(&ip));
        netif_ip6_addr_set_state(netif, next, IP6_ADDR_PREFERRED);
        next++;
    }
    for (i = 0; i < ifc->gateway_count; i++) {
        ip_addr_t ip;

        port_to_lwip(&ifc->gateways[i], &ip);
        if (IP_IS_V6(&ip)) {
            ifc->gateway6 = *ip_2_ip6(&ip);
            ip6_addr_assign_zone(&ifc->gateway6, IP6_UNICAST, netif);
        } else {
            netif_set_gw(netif, ip_2_ip4(&ip));
        }
    }
}

/**
 * attach() - Add the interface to lwIP and bring it up
 * @ifc: interface with pub and addresses filled in
 *
 * Return: 0 or a negative code
 */
static int attach(struct ringif *ifc)
{
    ip4_addr_t ip4 = { 0 }, mask = { 0 }, none = { 0 };
    uint32_t i;

    for (i = 0; i < ifc->addr_count; i++) {
        if (ifc->addrs[i].family == FAMILY_IPV4) {
            uint32_t prefix = ifc->addrs[i].prefix;

            __builtin_memcpy(&ip4.addr, ifc->addrs[i].bytes, 4);
            mask.addr = prefix ? lwip_htonl(0xffffffffu << (32 - prefix)) : 0;
        }
    }
    if (!netif_add(&ifc->netif, &ip4, &mask, &none, ifc, low_level_init,
                   ifc->pub->kind == IFACE_TAP ? ethernet_input : ip_input)) {
        return ABI_EMFILE;
    }
    set_addresses(ifc);
    netif_set_up(&ifc->netif);
    return 0;
}

/**
 * valid() - Whether a command describes an interface there can be
 * @cmd: command
 *
 * Return: 1 if so
 */
static int valid(const struct cmd_iface *cmd)
{
    uint32_t i, v4 = 0, v6 = 0;

    if (cmd->kind < IFACE_LOOPBACK || cmd->kind > IFACE_TAP || cmd->mtu < IFACE_MTU_MIN ||
        cmd->mtu > IFACE_MTU_MAX || cmd->addr_count > IFACE_ADDRS || cmd->gateway_count > 2 ||
        (cmd->ring_size & (cmd->ring_size - 1)) ||
        cmd->ring_size < 4 * (cmd->mtu + TX_RESERVE / 4) || cmd->ring_size > 1u << 30) {
        return 0;
    }
    for (i = 0; i < cmd->addr_count; i++) {
        v4 += cmd->addrs[i].family == FAMILY_IPV4 && cmd->addrs[i].prefix <= 32;
        v6 += cmd->addrs[i].family == FAMILY_IPV6 && cmd->addrs[i].prefix <= 128;
    }
    return v4 <= 1 && v6 < IFACE_ADDRS && v4 + v6 == cmd->addr_count;
}

/**
 * destroy() - Free what ringif_add() took
 * @ifc: interface that lwIP does not know (any more)
 */
static void destroy(struct ringif *ifc)
{
    arena_free(ifc->pub->tx.buf[0]);
    arena_free(ifc->pub->rx.buf[0]);
    heap_free(ifc->pub);
    heap_free(ifc);
}

/**
 * create() - Memory and rings of an interface
 * @cmd: valid command
 *
 * Return: interface, or NULL: out of memory
 */
static struct ringif *create(const struct cmd_iface *cmd)
{
    struct ringif *ifc = heap_calloc(1, sizeof(*ifc));
    struct iface *pub = heap_calloc(1, sizeof(*pub));
    uint32_t tx = arena_alloc(cmd->ring_size, arena_owner);
    uint32_t rx = cmd->kind == IFACE_LOOPBACK ? 0 : arena_alloc(cmd->ring_size, arena_owner);

    if (!ifc || !pub || !tx || (!rx && cmd->kind != IFACE_LOOPBACK)) {
        heap_free(ifc);
        heap_free(pub);
        arena_free(tx);
        arena_free(rx);
        return NULL;
    }
    ifc->pub = pub;
    pub->kind = cmd->kind;
    pub->mtu = cmd->mtu;
    pub->frame_max = cmd->mtu + (cmd->kind == IFACE_TAP ? ETHERNET_HEADER : 0);
    pub->listening = cmd->kind == IFACE_LOOPBACK;
    ring_init(&pub->tx, tx, cmd->ring_size, 0);
    ring_init(&pub->rx, rx, rx ? cmd->ring_size : 0, 0);
    pub->tx.room_bell = engine_bell;
    pub->tx.data_bell = cmd->kind == IFACE_LOOPBACK ? engine_bell : app_bell;
    pub->rx.data_bell = engine_bell;
    pub->rx.room_bell = app_bell;
    producer_init(&ifc->tx, &pub->tx);
    consumer_init(&ifc->rx, cmd->kind == IFACE_LOOPBACK ? &pub->tx : &pub->rx);
    return ifc;
}

/**
 * ringif_add() - Create an interface and bring it up
 * @cmd: what the user wants
 * @handle: set to its handle
 * @place: set to the offset of its struct iface
 *
 * Return: 0, ABI_EINVAL, ABI_ENOMEM, ABI_EMFILE
 */
int ringif_add(const struct cmd_iface *cmd, uint32_t *handle, uint32_t *place)
{
    struct ringif *ifc;
    uint32_t index = 1;
    int err;

    if (!valid(cmd)) {
        return ABI_EINVAL;
    }
    while (index <= RINGIF_MAX && ifaces[index]) {
        index++;
    }
    if (index > RINGIF_MAX) {
        return ABI_EMFILE;
    }
    ifc = create(cmd);
    if (!ifc) {
        return ABI_ENOMEM;
    }
    ifc->addr_count = cmd->addr_count;
    ifc->gateway_count = cmd->gateway_count;
    __builtin_memcpy(ifc->addrs, cmd->addrs, sizeof(ifc->addrs));
    __builtin_memcpy(ifc->gateways, cmd->gateways, sizeof(ifc->gateways));
    __builtin_memcpy(ifc->netif.hwaddr, cmd->mac, ETH_HWADDR_LEN);
    ifc->pub->handle = (uint32_t)++generations[index] << 16 | index;
    err = attach(ifc);
    if (err) {
        destroy(ifc);
        return err;
    }
    if (cmd->flags & IFACE_NO_CHECKSUM) {
        NETIF_SET_CHECKSUM_CTRL(&ifc->netif, NETIF_CHECKSUM_DISABLE_ALL);
    }
    ifaces[index] = ifc;
    *handle = ifc->pub->handle;
    *place = place_of(ifc->pub);
    return 0;
}

/**
 * ringif_remove() - Take an interface down and free it
 * @handle: its handle; JS no longer uses its rings, and no wire reads them
 *
 * Connections from and to its addresses are aborted (netif_remove()).
 *
 * Return: 0 or ABI_ENODEV
 */
int ringif_remove(uint32_t handle)
{
    struct ringif *ifc = ringif_get(handle);

    if (!ifc) {
        return ABI_ENODEV;
    }
    ringif_wire(handle, 0);
    netif_remove(&ifc->netif);
    ifaces[handle & 0xffff] = NULL;
    destroy(ifc);
    return 0;
}

/**
 * ringif_wire() - Take frames from another interface's tx ring, or from our own rx again
 * @handle: interface
 * @ring: offset of that ring, whose consumer has stopped; 0: our own
 *
 * Return: 0, ABI_ENODEV, ABI_EINVAL: loopback
 */
int ringif_wire(uint32_t handle, uint32_t ring)
{
    struct ringif *ifc = ringif_get(handle);

    if (!ifc) {
        return ABI_ENODEV;
    }
    if (ifc->pub->kind == IFACE_LOOPBACK) {
        return ring ? ABI_EINVAL : 0;
    }
    if (ifc->wired) {
        /* What was sent before it is pulled still arrives. */
        ringif_input(ifc, ~0u);
        consumer_notify(&ifc->rx);
        atomic_store_explicit(&ifc->rx.ring->data_bell, ifc->own_bell,
                              memory_order_relaxed); /* no order: either bell will do */
        consumer_init(&ifc->rx, &ifc->pub->rx);
        ifc->wired = 0;
    }
    if (ring) {
        /* What came before the wire was plugged comes first. */
        ringif_input(ifc, ~0u);
        consumer_init(&ifc->rx, at(ring));
        ifc->own_bell = atomic_load_explicit(&ifc->rx.ring->data_bell,
                                             memory_order_relaxed); /* as above */
        atomic_store_explicit(&ifc->rx.ring->data_bell, engine_bell,
                              memory_order_relaxed); /* as above; consumer_arm() looks again */
        ifc->wired = 1;
    }
    return 0;
}

/**
 * ringif_poll() - Pass frames of all interfaces to lwIP
 * @budget: frames of each interface at the most
 *
 * Return: 1 if an interface used up its budget: there may be more
 */
int ringif_poll(uint32_t budget)
{
    struct ringif *ifc = NULL;
    int more = 0;

    while ((ifc = ringif_next(ifc))) {
        more |= ringif_input(ifc, budget) == budget;
    }
    return more;
}

/**
 * ringif_retry() - Whether room has returned to an interface that had refused a packet
 *
 * Return: 1 if so: the caller has TCP try again
 */
int ringif_retry(void)
{
    struct ringif *ifc = NULL;
    int retry = 0;

    while ((ifc = ringif_next(ifc))) {
        if (!ifc->blocked) {
            continue;
        }
        producer_refresh(&ifc->tx);
        if (!ifc->pub->listening ||
            ifc->tx.tail - ifc->tx.head <= ifc->pub->tx.size[0] / 2) {
            ifc->blocked = 0;
            retry = 1;
        }
    }
    return retry;
}

/**
 * ringif_flush() - Ring the bells that this batch owes
 */
void ringif_flush(void)
{
    struct ringif *ifc = NULL;

    while ((ifc = ringif_next(ifc))) {
        producer_notify(&ifc->tx);
        consumer_notify(&ifc->rx);
    }
}

/**
 * ringif_arm() - Ask for the bell: frames to take, and room where we are blocked
 *
 * Return: 1 if nothing is left to do: the engine may sleep
 */
int ringif_arm(void)
{
    struct ringif *ifc = NULL;
    int idle = 1;

    while ((ifc = ringif_next(ifc))) {
        uint32_t half = ifc->pub->tx.size[0] / 2;

        if (ifc->rx.head != ifc->rx.tail || !consumer_arm(&ifc->rx)) {
            idle = ifc->slot_used ? idle : 0;
        }
        if (ifc->blocked && !producer_arm(&ifc->tx, ifc->tx.tail - half - 1)) {
            idle = 0;
        }
    }
    return idle;
}
