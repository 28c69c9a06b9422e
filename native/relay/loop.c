#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;
static struct retired* retired;

void loop_open(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    abort();
}

bool loop_watch(struct watch* watch, uint32_t events) {
  if (watch->events == events)
    return true;
  int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  struct epoll_event wanted = {.events = events, .data.ptr = watch};
  if (epoll_ctl(epoll_fd, operation, watch->fd, &wanted) != 0)
    return false;
  watch->events = events;
  return true;
}

void loop_drop(struct watch* watch) {
  watch->ready = NULL;
  watch->events = 0;
  if (watch->fd >= 0)
    close(watch->fd);
  watch->fd = -1;
}

void loop_retire(struct retired* block) {
  block->next = retired;
  retired = block;
}

static void free_retired(void) {
  while (retired != NULL) {
    struct retired* next = retired->next;
    free(retired);
    retired = next;
  }
}

void loop_run(void) {
  struct epoll_event events[64];
  for (;;) {
    int count = epoll_wait(epoll_fd, events, 64, udp_expire());
    if (count < 0 && errno != EINTR)
      abort();
    for (int index = 0; index < count; index++) {
      struct watch* watch = events[index].data.ptr;
      if (watch->ready != NULL)
        watch->ready(watch, events[index].events);
    }
    free_retired();
  }
}

long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

socklen_t endpoint_bytes(const union endpoint* endpoint) {
  return endpoint->any.sa_family == AF_INET ? sizeof endpoint->v4 : sizeof endpoint->v6;
}

bool endpoint_equal(const union endpoint* one, const union endpoint* other) {
  if (one->any.sa_family != other->any.sa_family)
    return false;
  if (one->any.sa_family == AF_INET)
    return one->v4.sin_port == other->v4.sin_port && one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
  /* The scope, since link-local addresses are of one link only. */
  return one->v6.sin6_port == other->v6.sin6_port && IN6_ARE_ADDR_EQUAL(&one->v6.sin6_addr, &other->v6.sin6_addr) &&
         one->v6.sin6_scope_id == other->v6.sin6_scope_id;
}

/* FNV-1a over words. Who chooses ports so that they collide meets his own flows, of which there are not many. */
uint32_t endpoint_hash(const union endpoint* endpoint) {
  uint32_t words[5] = {0};
  if (endpoint->any.sa_family == AF_INET) {
    words[0] = endpoint->v4.sin_addr.s_addr;
    words[4] = endpoint->v4.sin_port;
  } else {
    __builtin_memcpy(words, &endpoint->v6.sin6_addr, 16);
    words[4] = endpoint->v6.sin6_port;
  }
  uint32_t hash = 2166136261u;
  for (int index = 0; index < 5; index++)
    hash = (hash ^ words[index]) * 16777619u;
  return hash ^ hash >> 15;
}
