/* A place where frames go in and come out: a TAP, or QEMU's `-netdev dgram` / `-netdev stream` over a unix socket. */
#ifndef TAPNET_BENCH_FRAME_PORT_H
#define TAPNET_BENCH_FRAME_PORT_H

#include "load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAME_MOST = 65535 + 14, VNET_BYTES = 12, PORT_BATCH = 64 };

enum port_kind { PORT_TAP, PORT_DGRAM, PORT_STREAM };

struct frame_port {
  enum port_kind kind;
  int fd;
  const char *name;
  bool vnet; /* a TAP with a virtio header in front of each frame */
  /* stream: bytes received and not yet taken as frames */
  uint8_t *buffer;
  size_t buffered;
};

static inline void unix_address(struct sockaddr_un *address, const char *path) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
}

static inline void port_open_tap(struct frame_port *port, const char *name, bool vnet) {
  port->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (port->fd < 0) fail("open", "/dev/net/tun");
  struct ifreq request = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0))};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  if (ioctl(port->fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF", name);
  if (!vnet) return;
  int header = VNET_BYTES;
  if (ioctl(port->fd, TUNSETVNETHDRSZ, &header) < 0) fail("TUNSETVNETHDRSZ", name);
  if (ioctl(port->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) fail("TUNSETOFFLOAD", name);
}

/* `dgram:LOCAL,REMOTE`: our own socket and the one to send to, as QEMU's local.path and remote.path. */
static inline void port_open_dgram(struct frame_port *port, const char *paths) {
  const char *comma = strchr(paths, ',');
  if (comma == NULL) {
    fprintf(stderr, "%s: dgram:%s: expected dgram:LOCAL,REMOTE\n", program_name, paths);
    exit(2);
  }
  char local[108];
  snprintf(local, sizeof local, "%.*s", (int)(comma - paths), paths);
  struct sockaddr_un address;
  port->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unix_address(&address, local);
  unlink(local);
  int size = 4 << 20;
  setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  if (port->fd < 0 || bind(port->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", local);
  unix_address(&address, comma + 1);
  for (int tries = 0; connect(port->fd, (struct sockaddr *)&address, sizeof address) < 0; tries++) {
    if (tries == 500) fail("connect", comma + 1);
    usleep(10000);
  }
}

static inline void port_open_stream(struct frame_port *port, const char *path) {
  struct sockaddr_un address;
  unix_address(&address, path);
  port->buffer = malloc(4 * (FRAME_MOST + 4));
  for (int tries = 0;; tries++) {
    port->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (port->fd >= 0 && connect(port->fd, (struct sockaddr *)&address, sizeof address) == 0) break;
    if (port->fd < 0 || port->buffer == NULL || tries == 500) fail("connect", path);
    close(port->fd);
    usleep(10000);
  }
  int size = 4 << 20;
  setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  fcntl(port->fd, F_SETFL, O_NONBLOCK);
}

/* `tap:NAME`, `vnet:NAME` (a TAP with offloads), `dgram:LOCAL,REMOTE` or `stream:PATH`. */
static inline void port_open(struct frame_port *port, const char *text) {
  *port = (struct frame_port){.name = text};
  if (strncmp(text, "tap:", 4) == 0) port_open_tap(port, text + 4, false);
  else if (strncmp(text, "vnet:", 5) == 0) port->vnet = true, port_open_tap(port, text + 5, true);
  else if (strncmp(text, "dgram:", 6) == 0) port->kind = PORT_DGRAM, port_open_dgram(port, text + 6);
  else if (strncmp(text, "stream:", 7) == 0) port->kind = PORT_STREAM, port_open_stream(port, text + 7);
  else {
    fprintf(stderr, "%s: port %s: expected tap:, vnet:, dgram: or stream:\n", program_name, text);
    exit(2);
  }
}

/* Waits until the port takes bytes again; a peer that never reads ends the program after five seconds. */
static inline void port_wait_writable(struct frame_port *port) {
  struct pollfd ready = {.fd = port->fd, .events = POLLOUT};
  if (poll(&ready, 1, 5000) <= 0) fail("poll for writing", port->name);
}

/* Sends `count` copies of one frame; returns how many were taken. A TAP has no batch call: one write each. */
static inline int port_send_tap(struct frame_port *port, const uint8_t *frame, size_t length, int count) {
  struct virtio_net_hdr_mrg_rxbuf header = {0};
  if (length > 1514) {
    header.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    header.hdr.gso_size = 1448;
    header.hdr.hdr_len = 54;
    header.hdr.csum_start = 34;
    header.hdr.csum_offset = 16;
  }
  struct iovec parts[2] = {{&header, VNET_BYTES}, {(void *)(uintptr_t)frame, length}};
  for (int sent = 0; sent < count; sent++) {
    ssize_t n = port->vnet ? writev(port->fd, parts, 2) : write(port->fd, frame, length);
    if (n < 0) return sent;
  }
  return count;
}

static inline int port_send_dgram(struct frame_port *port, const uint8_t *frame, size_t length, int count) {
  struct mmsghdr batch[PORT_BATCH];
  struct iovec part = {(void *)(uintptr_t)frame, length};
  for (int i = 0; i < count; i++) batch[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  int sent = sendmmsg(port->fd, batch, (unsigned)count, 0);
  if (sent < 0 && errno == EAGAIN) port_wait_writable(port);
  return sent < 0 ? 0 : sent;
}

/* QEMU's framing: length in four bytes, big-endian, then the frame. A frame begun is always finished. */
static inline int port_send_stream(struct frame_port *port, const uint8_t *frame, size_t length, int count) {
  uint32_t prefix = htonl((uint32_t)length);
  struct iovec parts[2 * PORT_BATCH];
  for (int i = 0; i < count; i++) {
    parts[2 * i] = (struct iovec){&prefix, 4};
    parts[2 * i + 1] = (struct iovec){(void *)(uintptr_t)frame, length};
  }
  int first = 0, all = 2 * count;
  while (first < all) {
    ssize_t n = writev(port->fd, parts + first, all - first);
    if (n < 0) {
      if (errno != EAGAIN) fail("writev", port->name);
      if (first == 0 && parts[0].iov_len == 4) return 0;
      port_wait_writable(port);
      continue;
    }
    while (first < all && (size_t)n >= parts[first].iov_len) n -= (ssize_t)parts[first++].iov_len;
    if (first < all) {
      parts[first].iov_base = (uint8_t *)parts[first].iov_base + n;
      parts[first].iov_len -= (size_t)n;
    }
  }
  return count;
}

static inline int port_send(struct frame_port *port, const uint8_t *frame, size_t length, int count) {
  if (count > PORT_BATCH) count = PORT_BATCH;
  if (port->kind == PORT_TAP) return port_send_tap(port, frame, length, count);
  return port->kind == PORT_DGRAM ? port_send_dgram(port, frame, length, count) : port_send_stream(port, frame, length, count);
}

/* What to do with each frame that came; `frame` is the port's own memory, valid during the call. */
typedef void (*frame_visitor)(const uint8_t *frame, size_t length, void *context);

static inline int port_receive_stream(struct frame_port *port, frame_visitor visit, void *context) {
  ssize_t n = read(port->fd, port->buffer + port->buffered, 4 * (FRAME_MOST + 4) - port->buffered);
  if (n <= 0) return 0;
  port->buffered += (size_t)n;
  size_t at = 0;
  int count = 0;
  while (port->buffered - at >= 4) {
    uint32_t length;
    memcpy(&length, port->buffer + at, 4);
    length = ntohl(length);
    if (length > FRAME_MOST || port->buffered - at - 4 < length) break;
    visit(port->buffer + at + 4, length, context);
    at += 4 + length;
    count++;
  }
  memmove(port->buffer, port->buffer + at, port->buffered - at);
  port->buffered -= at;
  return count;
}

/* Takes what is there without waiting, at most a batch; returns the number of frames. */
static inline int port_receive(struct frame_port *port, frame_visitor visit, void *context) {
  static __thread uint8_t frames[PORT_BATCH][2048];
  static __thread uint8_t large[VNET_BYTES + FRAME_MOST];
  if (port->kind == PORT_STREAM) return port_receive_stream(port, visit, context);
  if (port->kind == PORT_TAP) {
    size_t skip = port->vnet ? VNET_BYTES : 0;
    int count = 0;
    for (; count < PORT_BATCH; count++) {
      ssize_t n = read(port->fd, large, sizeof large);
      if (n <= (ssize_t)skip) break;
      visit(large + skip, (size_t)n - skip, context);
    }
    return count;
  }
  struct mmsghdr batch[PORT_BATCH];
  struct iovec parts[PORT_BATCH];
  for (int i = 0; i < PORT_BATCH; i++) {
    parts[i] = (struct iovec){frames[i], sizeof frames[i]};
    batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(port->fd, batch, PORT_BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) visit(frames[i], batch[i].msg_len, context);
  return count < 0 ? 0 : count;
}

#endif
