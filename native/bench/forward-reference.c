/*
 * forward-reference: the least that a userspace forwarder must do, in C, as the bound for ours.
 *
 * Theory of operation. Two ports, both behind unix sockets (QEMU's dgram or stream back ends) or TAPs. A frame that comes in is
 * checked as a router must (RFC 1812 §5.2.2: version, header length, header checksum, TTL), its TTL is taken down with the
 * checksum updated (RFC 1624), its Ethernet addresses are rewritten, and it leaves on the port that has its destination.
 * Batches end to end: one recvmmsg or read, one sendmmsg or writev. No guard, no counters, no ARP: everything left out makes
 * it faster.
 */
#include "frame-port.h"

#include <getopt.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <signal.h>

enum { SLOT_BYTES = 2048, STREAM_BYTES = 1 << 18 };

struct side {
  struct frame_port port;
  uint32_t address;
  uint8_t mac[6];
  /* frames to leave here: dgram and TAP send them whole, stream with their length in front */
  struct iovec out[PORT_BATCH * 2];
  uint32_t lengths[PORT_BATCH];
  unsigned count;
  uint8_t *slab;
};

static struct side sides[2];
static const uint8_t GATEWAY_MAC[6] = {0x02, 0, 0, 0, 0, 1};

static uint16_t sum16(const uint8_t *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

/* Makes the frame ready for its next hop; the side it leaves on, or NULL to drop it. */
static struct side *route(uint8_t *frame, size_t length) {
  if (length < 34 || frame[12] != 8 || frame[13] != 0 || frame[14] >> 4 != 4) return NULL;
  size_t header = (size_t)(frame[14] & 15) * 4;
  if (header < 20 || length < 14 + header || frame[22] <= 1 || sum16(frame + 14, header) != 0xffff) return NULL;
  uint32_t to;
  memcpy(&to, frame + 30, 4);
  struct side *side = to == sides[0].address ? &sides[0] : to == sides[1].address ? &sides[1] : NULL;
  if (side == NULL) return NULL;
  uint32_t sum = (uint32_t)(frame[24] << 8 | frame[25]) + 0x100;
  sum = (sum & 0xffff) + (sum >> 16);
  frame[24] = (uint8_t)(sum >> 8), frame[25] = (uint8_t)sum;
  frame[22]--;
  memcpy(frame, side->mac, 6);
  memcpy(frame + 6, GATEWAY_MAC, 6);
  return side;
}

static void flush(struct side *side) {
  unsigned first = 0;
  struct mmsghdr batch[PORT_BATCH];
  if (side->port.kind == PORT_DGRAM) {
    for (unsigned i = 0; i < side->count; i++) {
      batch[i].msg_hdr = (struct msghdr){.msg_iov = &side->out[2 * i + 1], .msg_iovlen = 1};
    }
    while (first < side->count) {
      int n = sendmmsg(side->port.fd, batch + first, side->count - first, 0);
      if (n > 0) first += (unsigned)n;
      else if (errno == EAGAIN) port_wait_writable(&side->port);
      else break;
    }
  } else if (side->port.kind == PORT_TAP) {
    for (unsigned i = 0; i < side->count; i++)
      if (write(side->port.fd, side->out[2 * i + 1].iov_base, side->out[2 * i + 1].iov_len) < 0) continue;
  } else {
    while (first < 2 * side->count) {
      ssize_t n = writev(side->port.fd, side->out + first, (int)(2 * side->count - first));
      if (n < 0) {
        if (errno != EAGAIN) break;
        port_wait_writable(&side->port);
        continue;
      }
      while (first < 2 * side->count && (size_t)n >= side->out[first].iov_len) n -= (ssize_t)side->out[first++].iov_len;
      if (n > 0) side->out[first].iov_base = (uint8_t *)side->out[first].iov_base + n, side->out[first].iov_len -= (size_t)n;
    }
  }
  side->count = 0;
}

static void forward(uint8_t *frame, size_t length) {
  struct side *side = route(frame, length);
  if (side == NULL) return;
  if (side->count == PORT_BATCH) flush(side);
  side->lengths[side->count] = htonl((uint32_t)length);
  side->out[2 * side->count] = (struct iovec){&side->lengths[side->count], 4};
  side->out[2 * side->count + 1] = (struct iovec){frame, length};
  side->count++;
}

static void pump_stream(struct side *side) {
  ssize_t n = read(side->port.fd, side->slab + side->port.buffered, STREAM_BYTES - side->port.buffered);
  if (n == 0) exit(0);
  if (n < 0) return;
  side->port.buffered += (size_t)n;
  size_t at = 0;
  while (side->port.buffered - at >= 4) {
    uint32_t length;
    memcpy(&length, side->slab + at, 4);
    length = ntohl(length);
    if (length > FRAME_MOST) exit(1);
    if (side->port.buffered - at - 4 < length) break;
    forward(side->slab + at + 4, length);
    at += 4 + length;
  }
  flush(&sides[0]);
  flush(&sides[1]);
  memmove(side->slab, side->slab + at, side->port.buffered - at);
  side->port.buffered -= at;
}

static void pump_dgram(struct side *side) {
  struct mmsghdr batch[PORT_BATCH];
  struct iovec parts[PORT_BATCH];
  for (int i = 0; i < PORT_BATCH; i++) {
    parts[i] = (struct iovec){side->slab + i * SLOT_BYTES, SLOT_BYTES};
    batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(side->port.fd, batch, PORT_BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) forward(side->slab + i * SLOT_BYTES, batch[i].msg_len);
  flush(&sides[0]);
  flush(&sides[1]);
}

static void pump_tap(struct side *side) {
  int count = 0;
  for (; count < PORT_BATCH; count++) {
    ssize_t n = read(side->port.fd, side->slab + count * SLOT_BYTES, SLOT_BYTES);
    if (n <= 0) break;
    forward(side->slab + count * SLOT_BYTES, (size_t)n);
  }
  flush(&sides[0]);
  flush(&sides[1]);
}

static void listen_stream(struct side *side, const char *path) {
  struct sockaddr_un address;
  unix_address(&address, path);
  unlink(path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", path);
  if (listen(listener, 1) < 0) fail("listen", path);
  side->port = (struct frame_port){.kind = PORT_STREAM, .name = path};
  side->port.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (side->port.fd < 0) fail("accept", path);
  close(listener);
  int size = 4 << 20;
  setsockopt(side->port.fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
}

/* `PORT,MAC,ADDRESS`, PORT as in forward-load, but here a stream listens. */
static void open_side(struct side *side, char *text) {
  char *port = strtok(text, ","), *mac = strtok(NULL, ","), *address = strtok(NULL, ",");
  uint8_t *m = side->mac;
  if (address == NULL || inet_pton(AF_INET, address, &side->address) != 1 ||
      sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6) {
    fputs("Usage: forward-reference PORT,MAC,ADDRESS PORT,MAC,ADDRESS\n", stderr);
    exit(2);
  }
  for (char *plus = port; (plus = strchr(plus, '+')) != NULL;) *plus = ',';
  side->slab = malloc(STREAM_BYTES);
  if (side->slab == NULL) fail("malloc", "slab");
  if (strncmp(port, "stream:", 7) == 0) listen_stream(side, port + 7);
  else port_open(&side->port, port);
}

int main(int argc, char **argv) {
  program_name = "forward-reference";
  signal(SIGPIPE, SIG_IGN);
  if (argc != 3) {
    fputs("Usage: forward-reference PORT,MAC,ADDRESS PORT,MAC,ADDRESS\n", stderr);
    return 2;
  }
  open_side(&sides[0], argv[1]);
  open_side(&sides[1], argv[2]);
  struct pollfd ready[2] = {{.fd = sides[0].port.fd, .events = POLLIN}, {.fd = sides[1].port.fd, .events = POLLIN}};
  while (poll(ready, 2, -1) >= 0) {
    for (int i = 0; i < 2; i++) {
      if (ready[i].revents == 0) continue;
      if (sides[i].port.kind == PORT_STREAM) pump_stream(&sides[i]);
      else if (sides[i].port.kind == PORT_DGRAM) pump_dgram(&sides[i]);
      else pump_tap(&sides[i]);
    }
  }
  return 0;
}
