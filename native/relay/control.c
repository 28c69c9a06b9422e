/*
 * What the daemon says, a line each, and each is answered by a line: `ok`, or `error ERRNO`.
 *
 *     begin                                     from here on
 *     listen tcp 0.0.0.0 8080 10.77.0.10 80             a port of the host leads there; the same again changes where to
 *     listen tcp :: 8080 fd00:77::10 80 10.77.0.10 80   and where the first refuses a connection, there
 *     listen udp :: 5353 - 0                            is taken, and leads nowhere yet
 *     end                                               what was not named since `begin` is closed
 *     close tcp 0.0.0.0 8080
 *
 * What leads elsewhere from now on does so for new connections; those that are there stay.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The shortest line is one byte, the longest answer ten. */
enum { HEARD_BYTES = 4096, SAID_BYTES = 10 * HEARD_BYTES + 16, PORT_BUCKETS = 16384 };

struct talker {
  struct retired retired;
  struct watch watch;
  size_t heard_bytes;
  size_t said_bytes;
  char heard[HEARD_BYTES];
  char said[SAID_BYTES];
};

static struct listener* ports[PORT_BUCKETS];
static unsigned round_now;

static struct listener** find(int type, const union endpoint* at) {
  struct listener** here = &ports[(endpoint_hash(at) + (unsigned)type) % PORT_BUCKETS];
  while (*here != NULL && ((*here)->type != type || !endpoint_equal(&(*here)->at, at)))
    here = &(*here)->next;
  return here;
}

static void shut(struct listener** here) {
  struct listener* listener = *here;
  *here = listener->next;
  if (listener->type == SOCK_DGRAM)
    udp_forget(listener);
  loop_drop(&listener->watch);
  loop_retire(&listener->retired);
}

/* 0, or the errno. */
static int open_port(struct listener** here, int type, const union endpoint* at, const union endpoint to[2]) {
  int fd = opener_open(type, at);
  if (fd < 0)
    return errno;
  struct listener* listener = calloc(1, sizeof *listener);
  if (listener != NULL) {
    *listener = (struct listener){.watch = {.fd = fd, .ready = type == SOCK_STREAM ? tcp_ready : udp_ready},
      .type = type,
      .at = *at,
      .to = to[0],
      .otherwise = to[1],
      .round = round_now};
    if (loop_watch(&listener->watch, EPOLLIN)) {
      *here = listener;
      return 0;
    }
  }
  free(listener);
  close(fd);
  return ENOMEM;
}

static int lead(int type, const union endpoint* at, const union endpoint to[2]) {
  struct listener** here = find(type, at);
  if (*here == NULL)
    return open_port(here, type, at, to);
  struct listener* listener = *here;
  listener->round = round_now;
  listener->otherwise = to[1];
  if (endpoint_equal(&listener->to, &to[0]))
    return 0;
  listener->to = to[0];
  if (type == SOCK_DGRAM)
    udp_forget(listener);
  return 0;
}

static void close_unnamed(void) {
  for (int index = 0; index < PORT_BUCKETS; index++) {
    for (struct listener** here = &ports[index]; *here != NULL;) {
      if ((*here)->round == round_now)
        here = &(*here)->next;
      else
        shut(here);
    }
  }
}

static bool parse_endpoint(const char* address, unsigned port, union endpoint* endpoint) {
  *endpoint = (union endpoint){0};
  if (port > 65535)
    return false;
  if (inet_pton(AF_INET, address, &endpoint->v4.sin_addr) == 1) {
    endpoint->v4.sin_family = AF_INET;
    endpoint->v4.sin_port = htons((uint16_t)port);
    return true;
  }
  endpoint->v6.sin6_family = AF_INET6;
  endpoint->v6.sin6_port = htons((uint16_t)port);
  return inet_pton(AF_INET6, address, &endpoint->v6.sin6_addr) == 1;
}

/* 0, or the errno. */
static int obey(const char* line) {
  char verb[8], protocol[4], address[INET6_ADDRSTRLEN], targets[2][INET6_ADDRSTRLEN];
  unsigned port = 0, target_ports[2] = {0};
  int words = sscanf(line, "%7s %3s %45s %5u %45s %5u %45s %5u", verb, protocol, address, &port, targets[0], &target_ports[0],
    targets[1], &target_ports[1]);
  if (words == 1 && strcmp(verb, "begin") == 0) {
    round_now++;
    return 0;
  }
  if (words == 1 && strcmp(verb, "end") == 0) {
    close_unnamed();
    return 0;
  }
  union endpoint at, to[2] = {{.any = {0}}};
  if (words < 4 || !parse_endpoint(address, port, &at) || (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
    return EINVAL;
  int type = strcmp(protocol, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
  if (words == 4 && strcmp(verb, "close") == 0) {
    struct listener** here = find(type, &at);
    if (*here == NULL)
      return ENOENT;
    shut(here);
    return 0;
  }
  if ((words != 6 && words != 8) || strcmp(verb, "listen") != 0)
    return EINVAL;
  for (int index = 0; index < (words - 4) / 2; index++) {
    if (strcmp(targets[index], "-") != 0 && !parse_endpoint(targets[index], target_ports[index], &to[index]))
      return EINVAL;
  }
  return lead(type, &at, to);
}

static void reply(struct talker* talker, int error) {
  char* to = talker->said + talker->said_bytes;
  int length = error == 0 ? sprintf(to, "ok\n") : sprintf(to, "error %d\n", error);
  talker->said_bytes += (size_t)length;
}

/* Obeys the whole lines that are there. False where one has no end. */
static bool obey_lines(struct talker* talker) {
  char* line = talker->heard;
  char* const end = talker->heard + talker->heard_bytes;
  for (char* newline; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL; line = newline + 1) {
    *newline = '\0';
    reply(talker, obey(line));
  }
  talker->heard_bytes = (size_t)(end - line);
  memmove(talker->heard, line, talker->heard_bytes);
  return talker->heard_bytes < HEARD_BYTES;
}

/* Nothing more is read until what was said has gone: connections do not wait for a daemon that does not listen. */
static bool say(struct talker* talker) {
  ssize_t sent = send(talker->watch.fd, talker->said, talker->said_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR)
    return false;
  if (sent > 0) {
    talker->said_bytes -= (size_t)sent;
    memmove(talker->said, talker->said + sent, talker->said_bytes);
  }
  return loop_watch(&talker->watch, talker->said_bytes > 0 ? EPOLLOUT : EPOLLIN);
}

static bool hear(struct talker* talker) {
  char* to = talker->heard + talker->heard_bytes;
  ssize_t received = recv(talker->watch.fd, to, HEARD_BYTES - talker->heard_bytes, MSG_DONTWAIT);
  if (received < 0)
    return errno == EAGAIN || errno == EINTR;
  talker->heard_bytes += (size_t)received;
  return received > 0 && obey_lines(talker);
}

static void talker_ready(struct watch* watch, uint32_t events) {
  (void)events;
  struct talker* talker = (struct talker*)((char*)watch - offsetof(struct talker, watch));
  if ((talker->said_bytes > 0 || hear(talker)) && (talker->said_bytes == 0 || say(talker)))
    return;
  loop_drop(watch);
  loop_retire(&talker->retired);
}

static void control_ready(struct watch* watch, uint32_t events) {
  (void)events;
  int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);
  struct talker* talker = fd < 0 ? NULL : calloc(1, sizeof *talker);
  if (talker != NULL) {
    talker->watch = (struct watch){.fd = fd, .ready = talker_ready};
    if (loop_watch(&talker->watch, EPOLLIN))
      return;
  }
  free(talker);
  if (fd >= 0)
    close(fd);
}

void control_listen(int fd) {
  static struct watch watch;
  watch = (struct watch){.fd = fd, .ready = control_ready};
  if (!loop_watch(&watch, EPOLLIN))
    abort();
}
