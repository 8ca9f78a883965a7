/* SPDX-License-Identifier: MIT */
/* pair_rig.h - one connection over loopback between two apps that write and read what the test says */
#ifndef RINGSTACK_PAIR_RIG_H
#define RINGSTACK_PAIR_RIG_H

#include "stack_rig.h"

#define ARENA (16u << 20)

static struct app server, client, listener;

/**
 * setup() - A stack with a loopback interface
 */
static inline void setup(void)
{
    rig_start(ARENA, 1000);
    rig_loopback();
}

/**
 * teardown() - Close it; it has to have given everything back itself
 */
static inline void teardown(void)
{
    rs_stack_close();
    ck_assert_uint_eq(rs_arena_free_owner(rig_config.owner), 0);
}

/**
 * pair() - Connect client and server
 * @max: bound of all four rings
 */
static inline void pair(uint32_t max)
{
    struct cmd_socket listen = socket_command(SOCK_TCP_LISTENER, "127.0.0.1", 80);
    struct cmd_socket connect = socket_command(SOCK_TCP, "127.0.0.1", 80);

    listen.rx_max = listen.tx_max = connect.rx_max = connect.tx_max = max;
    rig_pair(&server, &client, &listener, listen, connect);
}

/**
 * all_read() - Whether each has read what the other has written (rig_condition)
 *
 * Return: 1 if so
 */
static inline int all_read(void)
{
    return client.read == server.write_end && server.read == client.write_end;
}

#endif /* RINGSTACK_PAIR_RIG_H */
