/*
 * Theory of operation
 *
 * A connection is two sockets: the client's, of the host's namespace, and the guest's, of ours. What is read from one is written
 * to the other at once, out of one buffer that all share. What the other side does not take now is kept, and until it has gone
 * nothing more is read: so a connection costs memory only while its receiver is slower than its sender, and never more than one
 * turn.
 *
 * Each end is passed on as it is: a FIN when everything before it has gone (either side may go on), a reset as a reset. What
 * nobody is waited for is taken out of the epoll, since the kernel reports hang-ups unasked and would do so without end.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct connection;

struct side {
  struct watch watch;
  struct connection* of;
  struct side* other;
  bool ended; /* its FIN was read */
  bool shut;  /* our FIN was sent */
  unsigned char* pending; /* what it has not taken yet: bytes `from` up to `to` */
  size_t from;
  size_t to;
};

struct connection {
  struct retired retired;
  struct side client;
  struct side guest;
  bool connecting;
  union endpoint otherwise; /* where to, if the guest refuses */
};

static unsigned connections;
static unsigned char buffer[RELAY_TURN_BYTES];
/* Given up for a moment where no descriptor is left, so that who waits is told instead of being reported again and again. */
static int spare_fd = -1;

enum { ACCEPTED_AT_ONCE = 16 };

void tcp_open(void) {
  spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A close that the peer sees as a reset. */
static void set_reset(int fd) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void end(struct connection* connection, bool reset) {
  for (int index = 0; index < 2; index++) {
    struct side* side = index == 0 ? &connection->client : &connection->guest;
    if (reset)
      set_reset(side->watch.fd);
    loop_drop(&side->watch);
    free(side->pending);
  }
  connections--;
  loop_retire(&connection->retired);
}

static bool has_pending(const struct side* side) {
  return side->to > side->from;
}

static uint32_t wanted(const struct side* side) {
  if (side->of->connecting)
    return side == &side->of->guest ? EPOLLOUT : 0;
  uint32_t events = has_pending(side) ? EPOLLOUT : 0;
  if (!side->ended && !has_pending(side->other))
    events |= EPOLLIN;
  return events;
}

/* What is waited for follows from the state; a connection with both ends over is over. */
static void settle(struct connection* connection) {
  struct side* client = &connection->client;
  struct side* guest = &connection->guest;
  if (client->shut && guest->shut)
    end(connection, false);
  else if (!loop_watch(&client->watch, wanted(client)) || !loop_watch(&guest->watch, wanted(guest)))
    end(connection, true);
}

/* Passes a FIN on when nothing before it is left. False: the connection is broken. */
static bool pass_end(struct side* to) {
  if (!to->other->ended || to->shut || has_pending(to))
    return true;
  to->shut = true;
  return shutdown(to->watch.fd, SHUT_WR) == 0;
}

static bool keep(struct side* side, const unsigned char* bytes, size_t count) {
  side->pending = malloc(count);
  if (side->pending == NULL)
    return false;
  memcpy(side->pending, bytes, count);
  side->from = 0;
  side->to = count;
  return true;
}

static bool would_block(void) {
  return errno == EAGAIN || errno == EINTR;
}

static bool drain(struct side* side) {
  ssize_t sent = send(side->watch.fd, side->pending + side->from, side->to - side->from, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0)
    return would_block();
  side->from += (size_t)sent;
  if (has_pending(side))
    return true;
  free(side->pending);
  side->pending = NULL;
  side->from = side->to = 0;
  return pass_end(side);
}

static bool take(struct side* side) {
  ssize_t received = recv(side->watch.fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (received < 0)
    return would_block();
  if (received == 0) {
    side->ended = true;
    return pass_end(side->other);
  }
  ssize_t sent = send(side->other->watch.fd, buffer, (size_t)received, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && !would_block())
    return false;
  size_t gone = sent < 0 ? 0 : (size_t)sent;
  return gone == (size_t)received || keep(side->other, buffer + gone, (size_t)received - gone);
}

static bool is_connected(int fd) {
  int error = 0;
  socklen_t bytes = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0;
}

static void set_options(int fd) {
  static const int on = 1, idle_seconds = 300, interval_seconds = 30, probes = 4;
  /* What comes in pieces goes on in pieces. */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* A guest or a client that has gone without a word is found out. */
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/* A socket on its way to the guest, or -1. */
static int reach(const union endpoint* to) {
  if (to->any.sa_family == AF_UNSPEC)
    return -1;
  int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  set_options(fd);
  if (connect(fd, &to->any, endpoint_bytes(to)) == 0 || errno == EINPROGRESS)
    return fd;
  close(fd);
  return -1;
}

static void side_ready(struct watch* watch, uint32_t events);

/* A guest that refused at one of its addresses may take the connection at another. */
static bool try_other(struct connection* connection) {
  struct watch* watch = &connection->guest.watch;
  int fd = reach(&connection->otherwise);
  connection->otherwise.any.sa_family = AF_UNSPEC;
  if (fd < 0)
    return false;
  loop_drop(watch);
  *watch = (struct watch){.fd = fd, .ready = side_ready};
  return true;
}

static void side_ready(struct watch* watch, uint32_t events) {
  struct side* side = (struct side*)((char*)watch - offsetof(struct side, watch));
  struct connection* connection = side->of;
  bool good = true;
  if (connection->connecting) {
    if (is_connected(watch->fd))
      connection->connecting = false;
    else
      good = try_other(connection);
  } else {
    if ((events & EPOLLOUT) != 0 && has_pending(side))
      good = drain(side);
    /* Errors are read, too: that tells them. */
    if (good && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && (wanted(side) & EPOLLIN) != 0)
      good = take(side);
    else if ((events & EPOLLERR) != 0)
      good = false;
  }
  if (good)
    settle(connection);
  else
    end(connection, true);
}

static void begin(int client_fd, const struct listener* listener) {
  int guest_fd = connections < RELAY_CONNECTIONS_MAX ? reach(&listener->to) : -1;
  struct connection* connection = guest_fd < 0 ? NULL : calloc(1, sizeof *connection);
  if (connection == NULL) {
    if (guest_fd >= 0)
      close(guest_fd);
    set_reset(client_fd);
    close(client_fd);
    return;
  }
  set_options(client_fd);
  connections++;
  connection->connecting = true;
  connection->otherwise = listener->otherwise;
  struct side* client = &connection->client;
  struct side* guest = &connection->guest;
  *client = (struct side){.watch = {.fd = client_fd, .ready = side_ready}, .of = connection, .other = guest};
  *guest = (struct side){.watch = {.fd = guest_fd, .ready = side_ready}, .of = connection, .other = client};
  settle(connection);
}

/* No descriptor is left: who comes is turned away. */
static void turn_away(int listening_fd) {
  close(spare_fd);
  int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0) {
    set_reset(fd);
    close(fd);
  }
  spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void tcp_ready(struct watch* watch, uint32_t events) {
  (void)events;
  const struct listener* listener = (struct listener*)((char*)watch - offsetof(struct listener, watch));
  for (int count = 0; count < ACCEPTED_AT_ONCE; count++) {
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      begin(fd, listener);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE)
      turn_away(watch->fd);
    return;
  }
}
