/* SPDX-License-Identifier: MIT */
/* kernel_end.c - one end of a TCP stream by Linux itself, in a network namespace of its own
 *
 * usage: kernel_end send|receive OWN_IP PEER_IP CONGESTION WARM_MS TIMED_MS
 *
 * The namespace has a tap and nothing else. Its frames go over standard input and output, each after
 * its length (u32, big endian); a child sends or receives. The receiver prints {"bytes":…,"ms":…} of
 * the timed part to standard error. All ends with standard input, so nothing is left behind.
 * Exit status 77: this may not be done here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sched.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT 5001
#define FRAME_MAX 65536u
#define PIECE 65536u
#define NOT_HERE 77

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1000 + (double)ts.tv_nsec / 1e6;
}

static void die(const char *what, int status)
{
    fprintf(stderr, "kernel_end: %s: %s\n", what, strerror(errno));
    exit(status);
}

static struct sockaddr_in address_of(const char *ip)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
        die(ip, 1);
    }
    return address;
}

static void set(int fd, unsigned long request, struct ifreq *ifr)
{
    if (ioctl(fd, request, ifr) != 0) {
        die("the interface", NOT_HERE);
    }
}

/**
 * open_tap() - A namespace with a tap that has an address and is up
 * @ip: its address, of a /24
 *
 * Return: the tap
 */
static int open_tap(const char *ip)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    struct sockaddr_in address = address_of(ip);
    int tap, fd;

    if (syscall(SYS_unshare, CLONE_NEWNET) != 0) {
        die("no network namespace", NOT_HERE);
    }
    tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (tap < 0 || fd < 0) {
        die("/dev/net/tun", NOT_HERE);
    }
    set(tap, TUNSETIFF, &ifr);
    memcpy(&ifr.ifr_addr, &address, sizeof(address));
    set(fd, SIOCSIFADDR, &ifr);
    address.sin_addr.s_addr = htonl(0xffffff00u);
    memcpy(&ifr.ifr_netmask, &address, sizeof(address));
    set(fd, SIOCSIFNETMASK, &ifr);
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
    set(fd, SIOCSIFFLAGS, &ifr);
    close(fd);
    return tap;
}

static void send_all(int fd)
{
    static uint8_t bytes[PIECE];

    while (write(fd, bytes, sizeof(bytes)) > 0) {
    }
}

/**
 * receive_all() - Count what comes in the timed part
 * @fd: connection
 * @warm: ms before it
 * @timed: ms
 */
static void receive_all(int fd, double warm, double timed)
{
    static uint8_t bytes[PIECE];
    double start = now_ms(), from = 0;
    uint64_t count = 0;
    ssize_t got;

    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        double now = now_ms();

        if (from > 0) {
            count += (uint64_t)got;
        } else if (now - start >= warm) {
            from = now;
        }
        if (from > 0 && now - from >= timed) {
            fprintf(stderr, "{\"bytes\":%llu,\"ms\":%f}\n", (unsigned long long)count, now - from);
            return;
        }
    }
}

/**
 * traffic() - What the child does
 * @argv: of main()
 */
static void traffic(char **argv)
{
    struct sockaddr_in own = address_of(argv[2]), peer = address_of(argv[3]);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, argv[4], (socklen_t)strlen(argv[4])) != 0) {
        die(argv[4], NOT_HERE);
    }
    if (strcmp(argv[1], "send") == 0) {
        /* Until the other end is there; the kernel repeats a SYN that is lost. */
        while (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
            usleep(20000);
        }
        send_all(fd);
        return;
    }
    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0 || listen(fd, 1) != 0) {
        die("listen", 1);
    }
    receive_all(accept(fd, NULL, NULL), strtod(argv[5], NULL), strtod(argv[6], NULL));
}

static int read_whole(int fd, void *to, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t got = read(fd, (char *)to + done, length - done);

        if (got <= 0) {
            return 0;
        }
        done += (size_t)got;
    }
    return 1;
}

/**
 * relay() - Carry frames between the tap and our standard input and output, until these end
 * @tap: tap
 */
static void relay(int tap)
{
    static uint8_t frame[4 + FRAME_MAX];
    struct pollfd fds[2] = { { .fd = tap, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
    uint32_t length;

    while (poll(fds, 2, -1) > 0) {
        if (fds[0].revents & POLLIN) {
            ssize_t got = read(tap, frame + 4, FRAME_MAX);

            length = htonl((uint32_t)got);
            memcpy(frame, &length, 4);
            if (got <= 0 || write(1, frame, 4 + (size_t)got) != 4 + got) {
                return;
            }
        }
        if (fds[1].revents) {
            if (!read_whole(0, &length, 4) || ntohl(length) > FRAME_MAX ||
                !read_whole(0, frame, ntohl(length))) {
                return;
            }
            /* A full queue of the tap loses the frame, as a network card does. */
            (void)!write(tap, frame, ntohl(length));
        }
    }
}

int main(int argc, char **argv)
{
    int tap;
    pid_t child;

    if (argc != 7) {
        fputs("kernel_end: wants send|receive OWN_IP PEER_IP CONGESTION WARM_MS TIMED_MS\n",
              stderr);
        return 1;
    }
    tap = open_tap(argv[2]);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        traffic(argv);
        return 0;
    }
    relay(tap);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
