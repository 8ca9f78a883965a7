/* SPDX-License-Identifier: MIT */
/* heap.c - the heap of one stack: slabs for small objects, arena blocks for large ones
 *
 * Theory of operation
 *
 * lwIP asks for a handful of small objects per segment and gives them back a moment later, so
 * small sizes come from slabs: blocks of SLAB bytes cut into objects of one size class, with a
 * list of free objects through the objects themselves. Taking and giving back are a few loads and
 * stores. A slab is found from an object by masking the address, since arena blocks are aligned
 * to their size. Slabs with room are in a list per class; a full slab is in none. A slab that becomes
 * empty goes back to the arena, except one per class, which is kept so that the arena's lock is not
 * taken for every object; heap_trim() frees those too.
 *
 * Anything larger than the largest class is an arena block of its own, with a header in front.
 *
 * One thread: the one that turns the stack. Out of memory is NULL, and nothing else happens.
 */
#include "mem/heap.h"

#include "mem/arena.h"

#define SLAB 16384u
#define SLAB_HEADER 64u
/* An arena block that is no slab says so where a slab has its class. */
#define CLASS_LARGE 0xffu

/* Multiples of 16; 512, 576 and 768 are multiples of 64, so sockets start on a cache line. */
static const uint16_t class_size[] = { 32,  48,  64,  96,  128,  160,  192,  256, 320,
                                       384, 512, 576, 768, 1024, 1536, 2048, 4032 };
#define CLASSES (sizeof(class_size) / sizeof(class_size[0]))
#define CLASS_MAX 4032u

struct slab {
    uint32_t magic; /* SLAB_MAGIC */
    uint32_t class; /* index into class_size, or CLASS_LARGE */
    uint32_t used;  /* objects out */
    uint32_t fresh; /* offset in the slab of the first object never yet used */
    void *free;     /* first free object */
    struct slab *next;
    struct slab *prev;
    uint32_t listed; /* is in the list of its class */
};
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "a slab's header fits before its objects");
#define SLAB_MAGIC 0x51abu

static struct slab *partial[CLASSES];
static uint8_t class_of[CLASS_MAX / 16 + 1];
static uint32_t heap_owner;
static uint32_t heap_bytes;

/**
 * heap_init() - Set up the heap of this instance
 * @owner: arena owner number of what it will take
 */
void heap_init(uint32_t owner)
{
    uint32_t size, class = 0;

    heap_owner = owner;
    for (size = 0; size <= CLASS_MAX; size += 16) {
        if (size > class_size[class]) {
            class ++;
        }
        class_of[size / 16] = (uint8_t) class;
    }
}

/**
 * list() - Put a slab with room at the front of its class's list
 * @slab: slab that is in no list
 */
static void list(struct slab *slab)
{
    struct slab **head = &partial[slab->class];

    slab->prev = NULL;
    slab->next = *head;
    if (*head) {
        (*head)->prev = slab;
    }
    *head = slab;
    slab->listed = 1;
}

/**
 * unlist() - Take a slab out of its class's list
 * @slab: slab that is in it
 */
static void unlist(struct slab *slab)
{
    if (slab->prev) {
        slab->prev->next = slab->next;
    } else {
        partial[slab->class] = slab->next;
    }
    if (slab->next) {
        slab->next->prev = slab->prev;
    }
    slab->listed = 0;
}

/**
 * new_slab() - Take a block of the arena as a slab
 * @class: size class
 *
 * Return: the slab, listed, or NULL: out of memory
 */
static struct slab *new_slab(uint32_t class)
{
    uint32_t offset = arena_alloc(SLAB, heap_owner);
    struct slab *slab;

    if (!offset) {
        return NULL;
    }
    slab = at(offset);
    slab->magic = SLAB_MAGIC;
    slab->class = class;
    slab->used = 0;
    slab->fresh = SLAB_HEADER;
    slab->free = NULL;
    list(slab);
    return slab;
}

/**
 * large() - An arena block for one object
 * @size: bytes
 *
 * Return: memory, or NULL
 */
static void *large(size_t size)
{
    uint32_t offset;
    struct slab *header;

    if (size > (1u << 30)) {
        return NULL;
    }
    /* Aligned to SLAB, so that heap_free() finds the header by the same mask. */
    offset =
        arena_alloc(size + SLAB_HEADER < SLAB ? SLAB : (uint32_t)size + SLAB_HEADER, heap_owner);
    if (!offset) {
        return NULL;
    }
    header = at(offset);
    header->magic = SLAB_MAGIC;
    header->class = CLASS_LARGE;
    heap_bytes += arena_block_size(offset);
    return (char *)header + SLAB_HEADER;
}

/**
 * heap_malloc() - Take memory
 * @size: bytes
 *
 * Return: memory aligned to 16, not zeroed, or NULL
 */
void *heap_malloc(size_t size)
{
    uint32_t class;
    struct slab *slab;
    void *object;

    if (size > CLASS_MAX) {
        return large(size);
    }
    class = class_of[(size + 15) / 16];
    slab = partial[class];
    if (!slab) {
        slab = new_slab(class);
        if (!slab) {
            return NULL;
        }
    }
    object = slab->free;
    if (object) {
        slab->free = *(void **)object;
    } else {
        object = (char *)slab + slab->fresh;
        slab->fresh += class_size[class];
    }
    slab->used++;
    heap_bytes += class_size[class];
    if (!slab->free && slab->fresh + class_size[class] > SLAB) {
        unlist(slab);
    }
    return object;
}

/**
 * heap_calloc() - Take zeroed memory
 * @count: number of objects
 * @size: bytes of each
 *
 * Return: memory, or NULL
 */
void *heap_calloc(size_t count, size_t size)
{
    void *mem;

    if (size && count > ((size_t)1 << 30) / size) {
        return NULL;
    }
    mem = heap_malloc(count * size);
    if (mem) {
        __builtin_memset(mem, 0, count * size);
    }
    return mem;
}

/**
 * heap_free() - Give memory back
 * @mem: from heap_malloc() or heap_calloc(), or NULL
 */
void heap_free(void *mem)
{
    struct slab *slab;

    if (!mem) {
        return;
    }
    slab = at(offset_of(mem) & ~(SLAB - 1));
    if (slab->magic != SLAB_MAGIC) {
        return;
    }
    if (slab->class == CLASS_LARGE) {
        heap_bytes -= arena_block_size(offset_of(slab));
        slab->magic = 0;
        arena_free(offset_of(slab));
        return;
    }
    *(void **)mem = slab->free;
    slab->free = mem;
    slab->used--;
    heap_bytes -= class_size[slab->class];
    if (!slab->listed) {
        list(slab);
    } else if (slab->used == 0 && (slab->next || slab->prev)) {
        unlist(slab);
        slab->magic = 0;
        arena_free(offset_of(slab));
    }
}

/**
 * heap_used() - Bytes in use
 *
 * Return: bytes, each object counted with the size of its class
 */
uint32_t heap_used(void)
{
    return heap_bytes;
}

/**
 * heap_trim() - Give back the empty slabs that are kept for the next object
 */
void heap_trim(void)
{
    uint32_t class;

    for (class = 0; class < CLASSES; class ++) {
        struct slab *slab = partial[class], *next;

        for (; slab; slab = next) {
            next = slab->next;
            if (slab->used == 0) {
                unlist(slab);
                slab->magic = 0;
                arena_free(offset_of(slab));
            }
        }
    }
}
