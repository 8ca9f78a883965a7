/* SPDX-License-Identifier: MIT */
/* list.h - intrusive doubly linked lists: a member carries its links
 *
 * A list is a ring of links through its head. The links of a member that is in no list are NULL, so
 * zeroed memory needs no set-up; a head needs LIST_INIT() or list_init(). A member is in one list at
 * a time; a struct that is in several has one struct list for each.
 */
#ifndef RINGSTACK_LIST_H
#define RINGSTACK_LIST_H

#include <stddef.h>

/* Head of a list, or links of a member. */
struct list {
    struct list *next;
    struct list *prev;
};

/* Value of a static head. */
#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        &(head), &(head)                                                                           \
    }

/* The struct whose field is the given member of a list. */
#define LIST_ENTRY(member, type, field) ((type *)(void *)((char *)(member)-offsetof(type, field)))

/**
 * list_init() - Set up a head
 * @list: head
 */
static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

/**
 * list_is_empty() - Whether a list has no members
 * @list: head
 *
 * Return: 1 if so
 */
static inline int list_is_empty(const struct list *list)
{
    return list->next == list;
}

/**
 * list_add() - Put a member at the end of a list, unless it is in one
 * @list: head
 * @member: links of the member
 *
 * Return: 1 if it was added
 */
static inline int list_add(struct list *list, struct list *member)
{
    if (member->next) {
        return 0;
    }
    member->next = list;
    member->prev = list->prev;
    list->prev->next = member;
    list->prev = member;
    return 1;
}

/**
 * list_remove() - Take a member out of the list it is in, if any
 * @member: links of the member
 *
 * Return: 1 if it was in one
 */
static inline int list_remove(struct list *member)
{
    if (!member->next) {
        return 0;
    }
    member->prev->next = member->next;
    member->next->prev = member->prev;
    member->next = member->prev = NULL;
    return 1;
}

/**
 * list_take() - Take out the first member
 * @list: head
 *
 * Return: its links, or NULL: the list is empty
 */
static inline struct list *list_take(struct list *list)
{
    struct list *member = list->next;

    if (member == list) {
        return NULL;
    }
    list_remove(member);
    return member;
}

#endif /* RINGSTACK_LIST_H */
