/* SPDX-License-Identifier: MIT */
/* iface.h - the table of interfaces (theory of operation: core/iface/iface.c) */
#ifndef RINGSTACK_IFACE_H
#define RINGSTACK_IFACE_H

#include "iface/ringif.h"

/* lwIP numbers interfaces with a u8 from 1 to 254. */
#define IFACE_MAX 254u

void iface_setup(struct stack_ctl *ctl);
uint32_t iface_block(uint32_t size);
int iface_add(const struct cmd_iface *cmd, uint32_t *handle, uint32_t *offset);
int iface_remove(uint32_t handle);
struct ringif *iface_next_of(const struct ringif *after, uint32_t family);
struct ringif *iface_at(uint32_t slot);
void iface_announce(struct ringif *ifc);
int iface_wire(uint32_t handle, uint32_t ring);
int iface_share(uint32_t handle, uint32_t channel);
int iface_poll(uint32_t budget);
int iface_retry(void);
void iface_flush(void);
int iface_arm(void);
struct ringif *iface_next(const struct ringif *after);
struct ringif *iface_get(uint32_t handle);

#endif /* RINGSTACK_IFACE_H */
