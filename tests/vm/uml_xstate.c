/* SPDX-License-Identifier: MIT */
/* uml_xstate - LD_PRELOAD for User-mode Linux: lets it set registers on a processor with a large register state
 *
 * User-mode Linux 6.1 holds 2696 bytes of extended state for each process, as much as AVX-512 needs. Linux takes back
 * only the whole of what the processor has, 11008 bytes with AMX: it refuses with EFAULT, and the guest dies at boot
 * with "ptrace set fp regs failed, errno = 14". No option of its command line changes that.
 *
 * A refused request is repeated with the rest unchanged. No guest of ours uses the rest.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* More than any processor has. */
#define MAX_STATE 65536

typedef long (*ptrace_fn)(int request, pid_t pid, void *addr, void *data);

/**
 * set_whole() - Sets the whole extended state of a process, of which only the beginning is given.
 * @next: The C library's ptrace().
 * @pid: The process.
 * @given: The beginning.
 *
 * Return: 0, or -1 and errno.
 */
static long set_whole(ptrace_fn next, pid_t pid, const struct iovec *given)
{
    /* The kernel of a guest is one thread. */
    static char state[MAX_STATE];
    struct iovec whole = { .iov_base = state, .iov_len = sizeof(state) };

    if (next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &whole) != 0)
        return -1;
    if (given->iov_len >= whole.iov_len) {
        errno = EFAULT;
        return -1;
    }
    memcpy(state, given->iov_base, given->iov_len);
    return next(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &whole);
}

/**
 * ptrace() - In place of the C library's.
 * @request: As there; pid, addr and data follow.
 *
 * Return: As there.
 */
long ptrace(enum __ptrace_request request, ...)
{
    ptrace_fn next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
    va_list rest;

    va_start(rest, request);
    pid_t pid = va_arg(rest, pid_t);
    void *addr = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);

    long result = next(request, pid, addr, data);
    int is_state = request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE;
    if (result == 0 || errno != EFAULT || !is_state)
        return result;
    return set_whole(next, pid, data);
}
