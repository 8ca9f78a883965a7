/* SPDX-License-Identifier: MIT */
/* tcp_tso.c - TCP segmentation offload: segments larger than the MSS, and how they are cut
 *
 * Theory of operation
 *
 * At an MTU of 1500 most of the cost of a byte is the cost of its packet. If another stack of ours
 * consumes the ring of an interface, packets need not be that small: TCP hands over several segments
 * as one, as virtio-net does with segmentation offload. port_tcp_segment_max() says how
 * large one may be, in multiples of the MSS. tcp_write() makes these segments, IP does not fragment
 * them (PBUF_FLAG_LARGE), and congestion control goes on counting in bytes and in the MSS.
 *
 * The limit may change while segments are queued, so port_tcp_cut() cuts the head of the queue in
 * tcp_output(). It also cuts a segment that was queued before the SYN announced the MSS.
 *
 * A cut refers to the data that is in a ring, and copies only lwIP's own: copying the rest at each cut
 * would take time in the square of the segment.
 */
#include "lwip/priv/tcp_priv.h"

#include "lwip_port.h"

/**
 * port_tcp_rest() - Append the rest of a packet to another (LWIP_HOOK_TCP_REST)
 * @to: packet
 * @from: packet that keeps its data for as long as @to is used
 * @offset: where the rest begins
 *
 * Return: ERR_OK or ERR_MEM
 */
err_t port_tcp_rest(struct pbuf *to, const struct pbuf *from, u16_t offset)
{
    for (; from; from = from->next) {
        int refer = (from->type_internal &
                     (PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS | PBUF_TYPE_FLAG_DATA_VOLATILE)) == 0;
        u16_t skipped = LWIP_MIN(offset, from->len), length = (u16_t)(from->len - skipped);

        if (length > 0) {
            struct pbuf *p = pbuf_alloc(PBUF_RAW, length, refer ? PBUF_ROM : PBUF_RAM);

            if (!p) {
                return ERR_MEM;
            }
            if (refer) {
                ((struct pbuf_rom *)p)->payload = (const u8_t *)from->payload + skipped;
            } else {
                __builtin_memcpy(p->payload, (const u8_t *)from->payload + skipped, length);
            }
            pbuf_cat(to, p);
        }
        offset = (u16_t)(offset - skipped);
    }
    return ERR_OK;
}

/**
 * port_tcp_cut() - Cut the head of the unsent queue to what may go in one segment and the window
 * takes of it, in multiples of the MSS (LWIP_HOOK_TCP_CUT)
 * @pcb: connection; the head is larger than the MSS
 * @window: bytes that may be in flight
 * @most: data that one segment may have
 *
 * After a timeout, the peer may have acknowledged the first part of the segment: that is dropped.
 *
 * Return: the head of the unsent queue
 */
struct tcp_seg *port_tcp_cut(struct tcp_pcb *pcb, u32_t window, u16_t most)
{
    struct tcp_seg *seg;
    err_t err = ERR_OK;

    while (err == ERR_OK && (seg = pcb->unsent) && seg->len > pcb->mss) {
        /* Less than 0 if there is data in flight before it. */
        s32_t acked = (s32_t)(pcb->lastack - lwip_ntohl(seg->tcphdr->seqno));
        s32_t room = LWIP_MIN((s32_t)window + acked, most);
        s32_t fit = room / pcb->mss * pcb->mss;

        if (room >= seg->len || fit <= 0 || tcp_split_unsent_seg(pcb, (u16_t)fit) != ERR_OK ||
            acked < fit) {
            break;
        }
        /* The peer has all of it. The callback does not abort from here. */
        pcb->unsent = seg->next;
        pcb->snd_queuelen = (u16_t)(pcb->snd_queuelen - pbuf_clen(seg->p));
        pcb->snd_buf += seg->len;
        tcp_seg_free(seg);
        TCP_EVENT_SENT(pcb, (u16_t)fit, err);
    }
    return pcb->unsent;
}
