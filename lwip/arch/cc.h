/* SPDX-License-Identifier: MIT */
/* cc.h - what lwIP needs from the compiler and the platform */
#ifndef RINGSTACK_ARCH_CC_H
#define RINGSTACK_ARCH_CC_H

#include <stddef.h>
#include <stdint.h>

/* core/mem/heap.c: lwIP's memory (lwipopts.h, MEM_CUSTOM_*). */
void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
void heap_free(void *mem);

/* core/util/chksum.c: with SIMD if there is any; lwIP's fastest sums 2.8 GB/s in wasm. */
uint16_t chksum(const void *data, int len);
#define LWIP_CHKSUM chksum

/* core/util/random.c: keyed by the runtime's crypto. */
uint32_t random_u32(void);
#define LWIP_RAND() random_u32()

#ifdef SWAP_IN_PLACE
/* Byte order, in files on the path of every packet (mk/dist.mk); the others call lwIP's functions.
   WebAssembly has no instruction for it. Without the empty asm clang recognizes a swap of bytes and
   makes more instructions of it. */
static inline uint16_t swap16(uint16_t x)
{
    uint32_t bits = x;

    __asm__("" : "+r"(bits));
    return (uint16_t)(bits << 8 | bits >> 8);
}

static inline uint32_t swap32(uint32_t x)
{
    uint32_t left = (x << 8 | x >> 24) & 0x00ff00ffu;

    __asm__("" : "+r"(left));
    return left | ((x >> 8 | x << 24) & 0xff00ff00u);
}
#define lwip_htons(x) swap16(x)
#define lwip_htonl(x) swap32(x)
#endif

/* Loss recovery and options (lwip/patches): small rather than fast. */
#ifdef __clang__
#define LWIP_COLD __attribute__((noinline, minsize))
#endif

#ifndef RINGSTACK_NATIVE
/* patches/: stats-inc. The module keeps the counters that core/ publishes; native builds keep all of them,
   for their tests. Drops are counted by a call (core/lwip_port.c), which is smaller and rare. */
void port_count(size_t counter);
#define STATS_IS(x, y) (offsetof(struct stats_, x) == offsetof(struct stats_, y))
#define STATS_DROP(x)                                                                              \
    (STATS_IS(x, link.drop) || STATS_IS(x, etharp.drop) || STATS_IS(x, ip.drop) ||                 \
     STATS_IS(x, ip6.drop) || STATS_IS(x, icmp.drop) || STATS_IS(x, icmp6.drop) ||                 \
     STATS_IS(x, tcp.drop) || STATS_IS(x, ip_frag.drop) || STATS_IS(x, ip6_frag.drop) ||           \
     STATS_IS(x, ip.chkerr) || STATS_IS(x, icmp.chkerr) || STATS_IS(x, tcp.chkerr))
#define STATS_KEPT(x)                                                                              \
    (STATS_DROP(x) || STATS_IS(x, tcp.recv) || STATS_IS(x, tcp.xmit) ||                            \
     STATS_IS(x, mib2.tcpretranssegs))
#define STATS_INC(x)                                                                               \
    do {                                                                                           \
        if (STATS_DROP(x)) {                                                                       \
            port_count(offsetof(struct stats_, x));                                                \
        } else if (STATS_KEPT(x)) {                                                                \
            lwip_stats.x++;                                                                        \
        }                                                                                          \
    } while (0)
/* Does not compile for a counter that is not kept. */
#define STATS_READ(x) __builtin_choose_expr(STATS_KEPT(x), lwip_stats.x, (void)0)
#else
#define STATS_READ(x) lwip_stats.x
#endif

#ifdef RINGSTACK_NATIVE
#include <stdio.h>
#include <stdlib.h>
#define LWIP_PLATFORM_DIAG(x)                                                                      \
    do {                                                                                           \
        printf x;                                                                                  \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                                                    \
    do {                                                                                           \
        fprintf(stderr, "lwIP assertion \"%s\" failed at %s:%d\n", x, __FILE__, __LINE__);         \
        abort();                                                                                   \
    } while (0)
#else
#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x)
#endif

#endif /* RINGSTACK_ARCH_CC_H */
