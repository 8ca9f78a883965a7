/* SPDX-License-Identifier: MIT */
/* helper.c - opens a tap or tun device of Linux and passes its frames over a unix stream socket
 *
 * usage: helper SOCKET tap|tun NAME MTU MAC NAMESPACE     ('-': the default of the kernel)
 *
 * Theory of operation
 *
 * tap.ts beside this file builds and starts the program, which listens on SOCKET. When the device is up, the
 * program prints "NAME MTU MAC" to standard output and accepts one connection. Each frame goes over it behind its
 * length (u32, big endian), in both directions, as in QEMU's -netdev stream.
 *
 * Each direction is a lane with one buffer. A call of the kernel moves one frame, a call of the socket moves many.
 * So a lane fills its buffer while there are frames, then empties it. A lane that cannot be emptied is not
 * filled: if the reader of the socket is slow, frames stay in the queue of the device (where the kernel drops
 * them); if the device is full, the writer of the socket waits.
 *
 * The program ends with the socket, and therefore with the process at its other end. A failure is one line on
 * standard error that begins with the name of the error; the exit status is then 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER 4u
#define FRAME_MAX 65553u /* an MTU of 65535 and an Ethernet header with a VLAN tag */
#define ROOM (HEADER + FRAME_MAX)
#define BUFFER (8u * ROOM)
#define ACCEPT_MS 10000

/** One direction: the bytes from `at` to `end` have still to be written. */
struct lane {
    size_t at, end;
    uint8_t bytes[BUFFER];
};

static struct lane to_socket, to_device;
static int is_device_full;

/** The name of an error, for tap.ts. */
static const char *name_of(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        { EPERM, "EPERM" },   { EACCES, "EACCES" }, { EBUSY, "EBUSY" },   { ENOENT, "ENOENT" },
        { ENODEV, "ENODEV" }, { ENXIO, "ENODEV" },  { EINVAL, "EINVAL" }, { EPROTO, "EPROTO" },
        { EBADFD, "ENODEV" }, { EFAULT, "ENODEV" }, { ENOMEM, "ENOMEM" }, { ENFILE, "EMFILE" },
    };
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].error == error) {
            return names[i].name;
        }
    }
    return "EPROTO";
}

static void die(const char *what)
{
    int error = errno;

    fprintf(stderr, "%s %s: %s\n", name_of(error), what, strerror(error));
    exit(1);
}

static int is_given(const char *argument)
{
    return strcmp(argument, "-") != 0;
}

/**
 * enter() - Go into a network namespace
 * @name: of `ip netns`, or a path
 */
static void enter(const char *name)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), strchr(name, '/') ? "%s" : "/run/netns/%s", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) {
        die(path);
    }
    close(fd);
}

/**
 * set_up() - Set MTU and MAC where they differ, and bring the device up
 * @ifr: with its name
 * @mtu: bytes, or '-'
 * @mac: as 01:23:45:67:89:ab, or '-'
 * @is_tap: whether it has a MAC address
 *
 * A user with the right to use a device of another user may not change it, so nothing is set without need.
 * Prints name, MTU and MAC of the device.
 */
static void set_up(struct ifreq *ifr, const char *mtu, const char *mac, int is_tap)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint8_t *m = (uint8_t *)ifr->ifr_hwaddr.sa_data;
    int mtu_now;

    if (fd < 0 || ioctl(fd, SIOCGIFMTU, ifr) != 0) {
        die(ifr->ifr_name);
    }
    if (is_given(mtu) && atoi(mtu) != ifr->ifr_mtu) {
        ifr->ifr_mtu = atoi(mtu);
        if (ioctl(fd, SIOCSIFMTU, ifr) != 0) {
            die("the MTU");
        }
    }
    mtu_now = ifr->ifr_mtu;
    if (is_tap && is_given(mac)) {
        ifr->ifr_hwaddr.sa_family = ARPHRD_ETHER;
        if (sscanf(mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", m, m + 1, m + 2, m + 3, m + 4,
                   m + 5) != 6) {
            errno = EINVAL;
            die("the MAC address");
        }
        if (ioctl(fd, SIOCSIFHWADDR, ifr) != 0) {
            die("the MAC address");
        }
    }
    if (ioctl(fd, SIOCGIFFLAGS, ifr) != 0) {
        die(ifr->ifr_name);
    }
    if (!(ifr->ifr_flags & IFF_UP)) {
        ifr->ifr_flags |= IFF_UP;
        if (ioctl(fd, SIOCSIFFLAGS, ifr) != 0) {
            die("to bring it up");
        }
    }
    memset(&ifr->ifr_hwaddr, 0, sizeof(ifr->ifr_hwaddr));
    if (is_tap && ioctl(fd, SIOCGIFHWADDR, ifr) != 0) {
        die(ifr->ifr_name);
    }
    printf("%s %d %02x:%02x:%02x:%02x:%02x:%02x\n", ifr->ifr_name, mtu_now, m[0], m[1], m[2], m[3],
           m[4], m[5]);
    fflush(stdout);
    close(fd);
}

static int open_device(int is_tap, const char *name, const char *mtu, const char *mac)
{
    struct ifreq ifr = { .ifr_flags = (short)((is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI) };
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        die("/dev/net/tun");
    }
    if (is_given(name)) {
        snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    }
    if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
        die(is_given(name) ? name : "a device");
    }
    set_up(&ifr, mtu, mac, is_tap);
    return fd;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 1) != 0) {
        die(path);
    }
    return fd;
}

/**
 * accept_one() - Take the one connection
 * @listener: from listen_at(); closed
 *
 * If our parent ends without connecting, we end too.
 */
static int accept_one(int listener)
{
    struct pollfd fds = { .fd = listener, .events = POLLIN };
    int fd;

    if (poll(&fds, 1, ACCEPT_MS) == 0) {
        exit(0);
    }
    fd = accept(listener, NULL, NULL);
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        die("the connection");
    }
    close(listener);
    return fd;
}

/** Whether a call may succeed later; EIO: the device is down, which may change. */
static int is_later(void)
{
    return errno == EAGAIN || errno == EINTR || errno == EIO || errno == ENOBUFS;
}

/**
 * device_to_socket() - Take frames while there are some and room, then give them to the socket
 * @device: the device
 * @out: the socket
 */
static void device_to_socket(int device, int out)
{
    struct lane *lane = &to_socket;
    uint32_t length;
    ssize_t n;

    while (lane->end + ROOM <= BUFFER) {
        n = read(device, lane->bytes + lane->end + HEADER, FRAME_MAX);
        if (n < 0 && !is_later()) {
            die("the device");
        }
        if (n <= 0) {
            break;
        }
        length = htonl((uint32_t)n);
        memcpy(lane->bytes + lane->end, &length, HEADER);
        lane->end += HEADER + (size_t)n;
    }
    if (lane->at == lane->end) {
        return;
    }
    n = write(out, lane->bytes + lane->at, lane->end - lane->at);
    if (n < 0 && !is_later()) {
        exit(0); /* The reader is gone. */
    }
    lane->at += n > 0 ? (size_t)n : 0;
    if (lane->at == lane->end) {
        lane->at = lane->end = 0;
    }
}

/**
 * write_frames() - Give the device all whole frames that the lane has
 * @device: the device
 *
 * A frame that the device refuses is dropped, as on a cable: if it is too short, or the device is down. If the
 * device is full, the frame stays.
 */
static void write_frames(int device)
{
    struct lane *lane = &to_device;
    uint32_t length;
    ssize_t n;

    while (lane->end - lane->at >= HEADER) {
        memcpy(&length, lane->bytes + lane->at, HEADER);
        length = ntohl(length);
        if (length == 0 || length > FRAME_MAX) {
            errno = EPROTO;
            die("the length of a frame");
        }
        if (lane->end - lane->at < HEADER + length) {
            break;
        }
        n = write(device, lane->bytes + lane->at + HEADER, length);
        is_device_full = n < 0 && (errno == EAGAIN || errno == EINTR);
        if (is_device_full) {
            return;
        }
        lane->at += HEADER + length;
    }
    memmove(lane->bytes, lane->bytes + lane->at, lane->end - lane->at);
    lane->end -= lane->at;
    lane->at = 0;
}

/**
 * socket_to_device() - Take what the socket has, then give the frames of it to the device
 * @in: the socket
 * @device: the device
 */
static void socket_to_device(int in, int device)
{
    struct lane *lane = &to_device;
    ssize_t n;

    write_frames(device);
    if (is_device_full) {
        return;
    }
    n = read(in, lane->bytes + lane->end, BUFFER - lane->end);
    if (n == 0 || (n < 0 && !is_later())) {
        exit(0);
    }
    lane->end += n > 0 ? (size_t)n : 0;
    write_frames(device);
}

int main(int argc, char **argv)
{
    struct pollfd fds[2];
    int device, listener, stream;

    if (argc != 7) {
        fprintf(stderr, "EINVAL usage: %s SOCKET tap|tun NAME MTU MAC NAMESPACE\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    listener = listen_at(argv[1]);
    if (is_given(argv[6])) {
        enter(argv[6]);
    }
    device = open_device(strcmp(argv[2], "tap") == 0, argv[3], argv[4], argv[5]);
    stream = accept_one(listener);
    for (;;) {
        short wants_out = to_socket.at < to_socket.end ? POLLOUT : 0;
        short device_out = is_device_full ? POLLOUT : 0;

        fds[0] = (struct pollfd){ .fd = stream,
                                  .events = (short)((device_out ? 0 : POLLIN) | wants_out) };
        fds[1] = (struct pollfd){ .fd = device,
                                  .events = (short)((wants_out ? 0 : POLLIN) | device_out) };
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            die("poll");
        }
        if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) {
            errno = ENODEV;
            die("the device");
        }
        if ((fds[0].revents & POLLOUT) || (fds[1].revents & POLLIN)) {
            device_to_socket(device, stream);
        }
        if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) || (fds[1].revents & POLLOUT)) {
            socket_to_device(stream, device);
        }
    }
}
