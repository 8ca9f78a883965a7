/* SPDX-License-Identifier: MIT */
/* dgram_data.h - datagrams: frame rings to lwIP and back (theory of operation: core/sock/dgram_data.c) */
#ifndef RINGSTACK_DGRAM_DATA_H
#define RINGSTACK_DGRAM_DATA_H

#include "sock/dgram.h"

void dgram_data_output(struct dgram_sock *d);
int dgram_data_deliver(const struct arrival *a, int all);
void dgram_data_forget(struct dgram_sock *d);
void dgram_data_retry(void);

#endif /* RINGSTACK_DGRAM_DATA_H */
