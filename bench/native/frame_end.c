/* SPDX-License-Identifier: MIT */
/* frame_end.c - the far end of a transport of frames, without any TCP: a source or a sink at full speed
 *
 * usage: frame_end device IFACE BYTES    sends frames of BYTES by the device IFACE until standard input ends
 *        frame_end source PATH BYTES     sends frames to a unix socket, each after its length, until that closes
 *        frame_end sink PATH             takes frames from a unix socket, prints {"frames":…,"ms":…}
 *
 * Frames have EtherType 0x88b5, which is for experiments: a kernel counts them and drops them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX 65553u
#define BUFFER (1u << 20)
#define FRAMES_BETWEEN_LOOKS 64
#define QUEUE_US 500 /* in which a queue of 1,000 frames is not yet empty */

static uint8_t buffer[BUFFER + 4 + FRAME_MAX];

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1000 + (double)ts.tv_nsec / 1e6;
}

static void die(const char *what)
{
    fprintf(stderr, "frame_end: %s: %s\n", what, strerror(errno));
    exit(1);
}

/** Lays out a frame to the broadcast address, of an EtherType without a protocol. */
static void make_frame(uint8_t *frame)
{
    static const uint8_t header[ETH_HLEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                              0,    0,    0,    0,    9,    0x88, 0xb5 };

    memcpy(frame, header, sizeof(header));
}

/** Frames that a device has dropped since its queue was full. */
static long dropped_by(const char *name)
{
    char path[96], text[32] = "";
    int fd;

    (void)snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", name);
    fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
        die(path);
    }
    close(fd);
    return strtol(text, NULL, 10);
}

/**
 * send_by_device() - Send frames as fast as a device takes them, until standard input ends
 * @name: device
 * @length: of a frame
 */
static void send_by_device(const char *name, size_t length)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET,
                                   .sll_ifindex = (int)if_nametoindex(name) };
    struct pollfd input = { .fd = 0, .events = POLLIN };
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    long dropped = dropped_by(name);

    if (fd < 0 || address.sll_ifindex == 0) {
        die(name);
    }
    make_frame(buffer);
    while (poll(&input, 1, 0) == 0) {
        for (int n = 0; n < FRAMES_BETWEEN_LOOKS; n++) {
            /* A socket's buffer that is full waits; a device's queue that is full says ENOBUFS. */
            if (sendto(fd, buffer, length, 0, (struct sockaddr *)&address, sizeof(address)) < 0 &&
                errno != ENOBUFS) {
                die("sendto");
            }
        }
        /* To go on sending into a full queue takes time from the process that empties it. */
        if (dropped_by(name) != dropped) {
            usleep(QUEUE_US);
            dropped = dropped_by(name);
        }
    }
}

static int open_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        die(path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        die(path);
    }
    return fd;
}

/** Sends frames until the other side closes; as many a call as fit into the buffer. */
static void source(int fd, size_t length)
{
    uint32_t header = htonl((uint32_t)length);
    size_t end = 0;
    ssize_t sent;

    for (; end + 4 + length <= BUFFER; end += 4 + length) {
        memcpy(buffer + end, &header, 4);
        make_frame(buffer + end + 4);
    }
    for (size_t at = 0;; at = (at + (size_t)sent) % end) {
        sent = write(fd, buffer + at, end - at);
        if (sent <= 0) {
            return;
        }
    }
}

/** Takes frames until the other side closes, and says how many. */
static void sink(int fd)
{
    uint64_t frames = 0;
    double first = 0;
    size_t have = 0;

    for (;;) {
        ssize_t got = read(fd, buffer + have, BUFFER);
        size_t at = 0;

        if (got <= 0) {
            break;
        }
        first = first > 0 ? first : now_ms();
        have += (size_t)got;
        while (have - at >= 4) {
            uint32_t header;

            memcpy(&header, buffer + at, 4);
            if (ntohl(header) > FRAME_MAX) {
                errno = EPROTO;
                die("length of a frame");
            }
            if (have - at - 4 < ntohl(header)) {
                break;
            }
            at += 4 + ntohl(header);
            frames++;
        }
        have -= at;
        memmove(buffer, buffer + at, have);
    }
    printf("{\"frames\":%llu,\"ms\":%f}\n", (unsigned long long)frames, now_ms() - first);
}

int main(int argc, char **argv)
{
    const char *role = argc > 2 ? argv[1] : "";
    size_t length = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    int is_sink = strcmp(role, "sink") == 0;

    signal(SIGPIPE, SIG_IGN);
    if (argc != (is_sink ? 3 : 4) || (!is_sink && (length < ETH_HLEN || length > FRAME_MAX))) {
        fputs("frame_end: wants device IFACE BYTES, source PATH BYTES or sink PATH\n", stderr);
        return 1;
    }
    if (is_sink) {
        sink(open_unix(argv[2]));
    } else if (strcmp(role, "source") == 0) {
        source(open_unix(argv[2]), length);
    } else {
        send_by_device(argv[2], length);
    }
    return 0;
}
