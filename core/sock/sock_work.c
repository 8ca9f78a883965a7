/* SPDX-License-Identifier: MIT */
/* sock_work.c - sockets with something to do at the end of the batch, or in the next turn
 *
 * A batch of commands or frames notes the sockets it touched, and each runs once after the batch. A
 * socket that cannot do its work now (no memory, a last small segment that may become larger) is noted
 * for the next turn.
 */
#include "sock/sock_work.h"

static struct list work = LIST_INIT(work);
static struct list later = LIST_INIT(later);
static int urgent_later;

/**
 * sock_work() - Run a socket at the end of the batch
 * @s: socket
 */
void sock_work(struct sock *s)
{
    list_add(&work, &s->work);
}

/**
 * sock_work_later() - Run a socket in the next turn
 * @s: socket
 * @urgent: the next turn is to come at once, else in due time
 */
void sock_work_later(struct sock *s, int urgent)
{
    urgent_later |= urgent;
    list_add(&later, &s->later);
}

/**
 * sock_work_is_urgent() - Whether the next turn is to come at once
 *
 * Return: 1 if so
 */
int sock_work_is_urgent(void)
{
    return urgent_later;
}

/**
 * sock_work_is_left() - Whether a socket waits for the next turn
 *
 * Return: 1 if so
 */
int sock_work_is_left(void)
{
    return !list_is_empty(&later);
}

/**
 * sock_work_begin() - A turn begins: what was left for it is work now
 */
void sock_work_begin(void)
{
    struct list *member;

    urgent_later = 0;
    while ((member = list_take(&later))) {
        sock_work(LIST_ENTRY(member, struct sock, later));
    }
}

/**
 * sock_work_run() - The end of a batch: run the sockets that were noted
 */
void sock_work_run(void)
{
    struct list *member;

    while ((member = list_take(&work))) {
        struct sock *s = LIST_ENTRY(member, struct sock, work);

        s->ops->run(s);
    }
}
