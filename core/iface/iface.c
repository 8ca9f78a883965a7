/* SPDX-License-Identifier: MIT */
/* iface.c - the table of interfaces: handles, creation, addresses, wires, removal
 *
 * Theory of operation
 *
 * Handles are a slot number and a generation, so a handle of an interface that is gone finds
 * nothing. An interface owns two frame rings of the arena; the driver over them is core/iface/ringif.c.
 *
 * A wire makes an interface take its frames from the tx ring of another one, whose JS consumer has
 * stopped. Frames that were in its own rx before come first, and frames in the other ring when the
 * wire is pulled still arrive. A wire changes the ring's data_doorbell to that of the engine that
 * consumes. So does gso_max_size (segmentation offload, core/iface/ringif.c): it
 * is cleared before the last frames are taken, and JavaScript clears it when it takes a ring over.
 */
#include "iface/iface.h"

#include "lwip/ip.h"
#include "netif/ethernet.h"

#include "iface/address.h"
#include "iface/neighbor.h"
#include "mem/heap.h"

static struct ringif *ifaces[IFACE_MAX + 1]; /* slot 0 is never used: handle 0 is none */
static struct ringif *first;                 /* list of all, for what is done to each every turn */
static struct ringif *polled; /* whose frames are taken first in the next turn, NULL: first */
static uint16_t generations[IFACE_MAX + 1];
static uint32_t arena_owner, engine_doorbell, app_doorbell;

/**
 * iface_setup() - Set where memory and doorbells are
 * @ctl: control block of the stack
 */
void iface_setup(struct stack_ctl *ctl)
{
    arena_owner = ctl->owner;
    engine_doorbell = offset_of(&ctl->doorbell);
    app_doorbell = offset_of(&ctl->app.doorbell);
}

/**
 * iface_block() - Memory that JavaScript frees
 * @size: bytes
 *
 * Return: its offset, 0: none
 */
uint32_t iface_block(uint32_t size)
{
    return arena_alloc(size, arena_owner);
}

/**
 * iface_get() - The interface of a handle
 * @handle: from iface_add()
 *
 * Return: interface, or NULL: never was or is gone
 */
struct ringif *iface_get(uint32_t handle)
{
    struct ringif *ifc = iface_at(handle & 0xffff);

    return ifc && ifc->pub->handle == handle ? ifc : NULL;
}

/**
 * iface_at() - The interface of a slot
 * @slot: slot
 *
 * Return: interface, or NULL: none has it
 */
struct ringif *iface_at(uint32_t slot)
{
    return slot > IFACE_MAX ? NULL : ifaces[slot];
}

/**
 * iface_next() - Go through all interfaces, oldest first
 * @after: the last one, NULL to begin
 *
 * Return: interface, or NULL: that was the last
 */
struct ringif *iface_next(const struct ringif *after)
{
    return after ? after->next : first;
}

/**
 * iface_next_of() - Go through the interfaces that lead out of the stack and have an address of a family
 * @after: the last one, NULL to begin
 * @family: FAMILY_*
 *
 * Return: interface, or NULL: that was the last
 */
struct ringif *iface_next_of(const struct ringif *after, uint32_t family)
{
    struct ringif *ifc = iface_next(after);
    uint32_t i;

    for (; ifc; ifc = ifc->next) {
        for (i = 0; ifc->pub->kind != IFACE_LOOPBACK && i < IFACE_ADDRS; i++) {
            if (ifc->addrs[i].entry.destination.family == family) {
                return ifc;
            }
        }
    }
    return NULL;
}

/**
 * attach() - Add the interface to lwIP and bring it up
 * @ifc: interface with pub filled in
 * @cmd: command with its addresses
 *
 * Return: 0 or a negative code
 */
static int attach(struct ringif *ifc, const struct cmd_iface *cmd)
{
    uint32_t i, slot = 1;

    if (!netif_add(&ifc->netif, NULL, NULL, NULL, ifc, ringif_init,
                   ifc->pub->kind >= IFACE_TAP ? ethernet_input : ip_input)) {
        return ABI_EMFILE;
    }
    for (i = 0; i < cmd->addr_count; i++) {
        address_put(ifc, cmd->addrs[i].family == FAMILY_IPV4 ? 0 : slot++, &cmd->addrs[i]);
    }
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

    if (cmd->kind < IFACE_LOOPBACK || cmd->kind > IFACE_BRIDGE || cmd->mtu < IFACE_MTU_MIN ||
        cmd->mtu > IFACE_MTU_MAX || cmd->addr_count > IFACE_ADDRS ||
        (cmd->ring_size & (cmd->ring_size - 1)) || !ringif_fits(cmd->ring_size, cmd->mtu) ||
        cmd->ring_size > 1u << 30) {
        return 0;
    }
    for (i = 0; i < cmd->addr_count; i++) {
        v4 += cmd->addrs[i].family == FAMILY_IPV4 && cmd->addrs[i].prefix <= 32;
        v6 += cmd->addrs[i].family == FAMILY_IPV6 && cmd->addrs[i].prefix <= 128;
    }
    return v4 <= 1 && v6 < IFACE_ADDRS && v4 + v6 == cmd->addr_count;
}

/**
 * destroy() - Free what iface_add() took
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
    struct abi_iface *pub = heap_calloc(1, sizeof(*pub));
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
    ifc->input = ringif_input;
    ifc->gso_max_size =
        cmd->flags & IFACE_NO_GSO ? 0 : LWIP_MIN(RINGIF_GSO_MAX, cmd->ring_size / 4);
    pub->kind = cmd->kind;
    pub->mtu = cmd->mtu;
    pub->frame_max = ringif_frame_max(cmd->kind, cmd->mtu);
    pub->listening = cmd->kind == IFACE_LOOPBACK;
    ring_init(&pub->tx, tx, cmd->ring_size, 0);
    ring_init(&pub->rx, rx, rx ? cmd->ring_size : 0, 0);
    pub->tx.gso_max_size = cmd->kind == IFACE_LOOPBACK ? RINGIF_GSO_MAX : 0;
    pub->tx.room_doorbell = engine_doorbell;
    pub->tx.data_doorbell = cmd->kind == IFACE_LOOPBACK ? engine_doorbell : app_doorbell;
    pub->rx.data_doorbell = engine_doorbell;
    pub->rx.room_doorbell = app_doorbell;
    producer_init(&ifc->tx, &pub->tx);
    consumer_init(&ifc->rx, cmd->kind == IFACE_LOOPBACK ? &pub->tx : &pub->rx);
    return ifc;
}

/**
 * last_link() - Where the list of all interfaces ends
 *
 * Return: the link to set
 */
static struct ringif **last_link(void)
{
    struct ringif **link = &first;

    while (*link) {
        link = &(*link)->next;
    }
    return link;
}

/**
 * iface_add() - Create an interface and bring it up
 * @cmd: what the user wants
 * @handle: set to its handle
 * @offset: set to the offset of its struct abi_iface
 *
 * Return: 0, ABI_EINVAL, ABI_ENOMEM, ABI_EMFILE
 */
int iface_add(const struct cmd_iface *cmd, uint32_t *handle, uint32_t *offset)
{
    struct ringif *ifc;
    uint32_t index = 1;
    int err;

    if (!valid(cmd)) {
        return ABI_EINVAL;
    }
    while (index <= IFACE_MAX && ifaces[index]) {
        index++;
    }
    if (index > IFACE_MAX) {
        return ABI_EMFILE;
    }
    ifc = create(cmd);
    if (!ifc) {
        return ABI_ENOMEM;
    }
    __builtin_memcpy(ifc->netif.hwaddr, cmd->mac, ETH_HWADDR_LEN);
    ifc->pub->handle = (uint32_t)++generations[index] << 16 | index;
    err = attach(ifc, cmd);
    if (err) {
        destroy(ifc);
        return err;
    }
    if (cmd->flags & IFACE_NO_CHECKSUM) {
        NETIF_SET_CHECKSUM_CTRL(&ifc->netif, NETIF_CHECKSUM_DISABLE_ALL);
    }
    ifaces[index] = ifc;
    *last_link() = ifc;
    *handle = ifc->pub->handle;
    *offset = offset_of(ifc->pub);
    return 0;
}

/**
 * iface_remove() - Take an interface down and free it
 * @handle: its handle; JS no longer uses its rings, and no wire reads them
 *
 * Connections from and to its addresses are aborted (netif_remove()).
 *
 * Return: 0 or ABI_ENODEV
 */
int iface_remove(uint32_t handle)
{
    struct ringif *ifc = iface_get(handle), **link = &first;

    if (!ifc) {
        return ABI_ENODEV;
    }
    iface_wire(handle, 0);
    address_stop(ifc);
    netif_remove(&ifc->netif);
    neighbor_forget(ifc);
    ifaces[handle & 0xffff] = NULL;
    while (*link != ifc) {
        link = &(*link)->next;
    }
    *link = ifc->next;
    if (polled == ifc) {
        polled = ifc->next;
    }
    destroy(ifc);
    return 0;
}

/**
 * is_ring() - Whether a frame ring can stand at an offset
 * @offset: offset, as JS gave it
 *
 * Return: 1 if so
 */
static int is_ring(uint32_t offset)
{
    const struct arena_ctl *arena = at(ARENA_CTL);
    const struct ring *ring = at(offset);
    uint32_t size;

    if (offset % 8 || offset > arena->size - sizeof(*ring)) {
        return 0;
    }
    size = ring->size[0];
    return size && !(size & (size - 1)) && !(ring->buf[0] % FRAME_ALIGN) && size <= arena->size &&
           ring->buf[0] <= arena->size - size;
}

/**
 * has_end() - Whether an interface has another end: that of a tun or tap
 * @ifc: interface
 *
 * Return: 1 if so
 */
static int has_end(const struct ringif *ifc)
{
    return ifc->pub->kind == IFACE_TUN || ifc->pub->kind == IFACE_TAP;
}

/**
 * iface_announce() - Tell the other end of a wire how large frames may be
 * @ifc: interface; what it passes on has to fit others
 */
void iface_announce(struct ringif *ifc)
{
    if (ifc->wired) {
        atomic_store_explicit(&ifc->rx.ring->gso_max_size,
                              ifc->gso_max_size && !ifc->port && !ifc->forwards ? RINGIF_GSO_MAX
                                                                                : 0,
                              memory_order_relaxed); /* a hint */
    }
}

/**
 * iface_wire() - Take frames from another interface's tx ring, or from our own rx again
 * @handle: interface
 * @ring: offset of that ring, whose consumer has stopped; 0: our own
 *
 * Return: 0, ABI_ENODEV, ABI_EINVAL: it has no other end, or that is no ring
 */
int iface_wire(uint32_t handle, uint32_t ring)
{
    struct ringif *ifc = iface_get(handle);

    if (!ifc) {
        return ABI_ENODEV;
    }
    if (ring && (!has_end(ifc) || !is_ring(ring))) {
        return ABI_EINVAL;
    }
    if (ifc->wired) {
        atomic_store_explicit(&ifc->rx.ring->gso_max_size, 0, memory_order_relaxed); /* a hint */
        /* Frames sent before it is pulled still arrive. */
        ifc->input(ifc, ~0u);
        consumer_notify(&ifc->rx);
        atomic_store_explicit(&ifc->rx.ring->data_doorbell, ifc->own_doorbell,
                              memory_order_relaxed); /* no order: either doorbell will do */
        consumer_init(&ifc->rx, &ifc->pub->rx);
        ifc->wired = 0;
    }
    if (ring) {
        /* Frames that came before the wire was plugged come first. */
        ifc->input(ifc, ~0u);
        consumer_init(&ifc->rx, at(ring));
        ifc->own_doorbell =
            atomic_load_explicit(&ifc->rx.ring->data_doorbell, memory_order_relaxed); /* as above */
        atomic_store_explicit(&ifc->rx.ring->data_doorbell, engine_doorbell,
                              memory_order_relaxed); /* as above; consumer_arm() looks again */
        ifc->wired = 1;
        iface_announce(ifc);
    }
    return 0;
}

/**
 * iface_share() - Hand an interface to another thread, or back to the app
 * @handle: interface; its tx has no consumer and its rx no producer at this moment
 * @channel: offset of the thread's channel, 0: the app
 *
 * Return: 0, ABI_ENODEV, ABI_EINVAL: it has no other end
 */
int iface_share(uint32_t handle, uint32_t channel)
{
    struct ringif *ifc = iface_get(handle);
    uint32_t doorbell =
        channel ? offset_of(&((struct abi_channel *)at(channel))->doorbell) : app_doorbell;

    if (!ifc) {
        return ABI_ENODEV;
    }
    if (!has_end(ifc)) {
        return ABI_EINVAL;
    }
    ifc->pub->listening = 0;
    ifc->pub->channel = channel;
    /* No order: a threshold set before is not the new thread's, which looks again anyway. */
    atomic_store_explicit(&ifc->pub->tx.data_doorbell, doorbell, memory_order_relaxed);
    atomic_store_explicit(&ifc->pub->rx.room_doorbell, doorbell, memory_order_relaxed);
    return 0;
}

/**
 * iface_poll() - Take frames of all interfaces
 * @budget: frames of each interface at the most
 *
 * The first one that has some is not the first of the next turn: where several send to a ring that gets full, those that
 * come first have its room.
 *
 * Return: 1 if an interface used up its budget: there may be more
 */
int iface_poll(uint32_t budget)
{
    struct ringif *begin = polled ? polled : first, *ifc = begin;
    uint32_t done, all = 0;
    int more = 0;

    while (ifc) {
        if (ifc->announced != ifc->pub->listening) {
            ifc->announced = ifc->pub->listening;
            if (ifc->announced) {
                neighbor_announce(ifc);
            }
        }
        done = ifc->input(ifc, budget);
        if (!all && done) {
            polled = ifc->next;
        }
        all += done;
        more |= done == budget;
        ifc = ifc->next ? ifc->next : first;
        if (ifc == begin) {
            break;
        }
    }
    return more;
}

/**
 * iface_retry() - Whether an interface that had refused a packet has room again
 *
 * Return: 1 if so: the caller has TCP try again
 */
int iface_retry(void)
{
    struct ringif *ifc = NULL;
    int retry = 0;

    while ((ifc = iface_next(ifc))) {
        if (ringif_retry(ifc)) {
            neighbor_retry(ifc);
            retry = 1;
        }
    }
    return retry;
}

/**
 * iface_flush() - Notify the other ends of what this batch has moved
 */
void iface_flush(void)
{
    struct ringif *ifc = NULL;

    while ((ifc = iface_next(ifc))) {
        ringif_flush(ifc);
    }
}

/**
 * iface_arm() - Ask to be notified of every ring we wait for
 *
 * Return: 1 if there is nothing to do: the engine may sleep
 */
int iface_arm(void)
{
    struct ringif *ifc = NULL;
    int idle = 1;

    while ((ifc = iface_next(ifc))) {
        idle &= ringif_arm(ifc);
    }
    return idle;
}
