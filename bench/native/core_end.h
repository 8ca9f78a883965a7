/* SPDX-License-Identifier: MIT */
/* core_end.h - one stack with an app, as the shared library that core_pair loads twice */
#ifndef RINGSTACK_CORE_END_H
#define RINGSTACK_CORE_END_H

#include <stdint.h>

#define BLOCK 65536u    /* bytes of a write and of a read */
#define POOL_BLOCKS 49u /* no power of two is a multiple of it (bench/lib/content.mjs) */
#define SAMPLE 64u      /* bytes compared of a block when every one would cost too much */

/* Set-up of an end, from core_pair. */
struct end_setup {
    char *base;          /* the arena, below both libraries */
    uint32_t size;       /* of it */
    uint32_t is_first;   /* this end sets the arena up */
    const uint8_t *pool; /* byte p of the stream is pool[p mod its size] */
    uint32_t mtu;
    uint32_t flags; /* IFACE_* */
    uint8_t host;   /* 10.0.0.host */
};

/* Functions of an end; each instance has its own. Those that can fail return 0 or an ABI code. */
struct end_api {
    const void *statics; /* an address in the library's data */
    int (*start)(const struct end_setup *setup);
    uint32_t (*frames)(void);     /* offset of the ring with the frames it sends */
    int (*wire)(uint32_t frames); /* takes its frames from that ring */
    int (*listen)(void);
    int (*connect)(uint8_t host);
    void (*turn)(double now); /* one turn of the stack, and its events */
    int (*is_open)(void);
    void (*send)(void);        /* writes blocks while there is room */
    int (*receive)(int whole); /* reads what there is; 0: not what was sent */
    uint64_t (*received)(void);
    uint64_t (*packets)(void); /* sent through its interface */
};

#endif /* RINGSTACK_CORE_END_H */
