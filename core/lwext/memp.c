/* SPDX-License-Identifier: MIT */
/* memp.c - lwIP's pools, all of them in the heap: instead of lwIP's memp.c
 *
 * lwIP has a descriptor for each pool and a table of pointers to them. Each pointer of a table is an
 * instruction in the module, which lies anywhere; a table of sizes needs none.
 */
#include "lwip/memp.h"

#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mem.h"
#include "lwip/mld6.h"
#include "lwip/pbuf.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "netif/ethernet.h"

static const uint16_t sizes[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) (size),
#include "lwip/priv/memp_std.h"
};

void memp_init(void)
{
}

/**
 * memp_malloc() - Memory for one object of a pool
 * @type: pool
 *
 * Return: memory; NULL if the arena has none
 */
void *memp_malloc(memp_t type)
{
    return mem_malloc(sizes[type]);
}

/**
 * memp_free() - Give it back
 * @type: pool
 * @mem: from memp_malloc(), or NULL
 */
void memp_free(memp_t type, void *mem)
{
    (void)type;
    mem_free(mem);
}
