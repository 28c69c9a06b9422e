/*
 * Theory of operation
 *
 * A flow is one client at one address and port of the host. It has a socket of its own to the guest, so that answers find back by
 * where they arrive, and answers leave by the port's own socket, from the address that the client had asked. A flow ends when
 * it was idle for two minutes. They are in two lists by when they were used last: those that the guest has answered, and those
 * that it has not. When there are too many, one that nobody answers makes room first: who sends from many addresses ends
 * nobody's conversation.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

/* The host's address that a datagram came to, as the kernel wants it back. */
union local {
  struct in_addr v4;
  struct in6_pktinfo v6;
};

struct flow {
  struct retired retired;
  struct watch watch;
  struct listener* listener;
  union endpoint client;
  union local local;
  bool answered;
  long long used_ms;
  struct flow* next; /* of the same hash */
  struct flow* older;
  struct flow* newer;
};

struct list {
  struct flow* oldest;
  struct flow* newest;
};

enum { BUCKETS = 4096, DATAGRAM_BYTES = 65536 };

static struct flow* buckets[BUCKETS];
static struct list lists[2];
static unsigned flows;
static unsigned char buffer[DATAGRAM_BYTES];


static struct flow** bucket_of(const union endpoint* client) {
  return &buckets[endpoint_hash(client) % BUCKETS];
}

static void unlink_flow(struct flow* flow) {
  struct list* list = &lists[flow->answered];
  *(flow->older != NULL ? &flow->older->newer : &list->oldest) = flow->newer;
  *(flow->newer != NULL ? &flow->newer->older : &list->newest) = flow->older;
}

static void link_flow(struct flow* flow) {
  struct list* list = &lists[flow->answered];
  flow->newer = NULL;
  flow->older = list->newest;
  *(list->newest != NULL ? &list->newest->newer : &list->oldest) = flow;
  list->newest = flow;
}

static void use(struct flow* flow, bool answered) {
  unlink_flow(flow);
  flow->answered |= answered;
  flow->used_ms = now_ms();
  link_flow(flow);
}

static void end(struct flow* flow) {
  struct flow** at = bucket_of(&flow->client);
  while (*at != flow)
    at = &(*at)->next;
  *at = flow->next;
  unlink_flow(flow);
  loop_drop(&flow->watch);
  flows--;
  loop_retire(&flow->retired);
}

int udp_expire(void) {
  int wait_ms = -1;
  for (int answered = 0; answered < 2; answered++) {
    for (struct flow* flow; (flow = lists[answered].oldest) != NULL;) {
      long long left_ms = flow->used_ms + RELAY_FLOW_IDLE_SECONDS * 1000LL - now_ms();
      if (left_ms > 0) {
        if (wait_ms < 0 || left_ms < wait_ms)
          wait_ms = (int)left_ms;
        break;
      }
      end(flow);
    }
  }
  return wait_ms;
}

void udp_forget(const struct listener* listener) {
  for (int answered = 0; answered < 2; answered++) {
    for (struct flow *flow = lists[answered].oldest, *newer; flow != NULL; flow = newer) {
      newer = flow->newer;
      if (flow->listener == listener)
        end(flow);
    }
  }
}

static bool local_equal(int family, const union local* one, const union local* other) {
  if (family == AF_INET)
    return one->v4.s_addr == other->v4.s_addr;
  return IN6_ARE_ADDR_EQUAL(&one->v6.ipi6_addr, &other->v6.ipi6_addr);
}

/* From the guest to the client. */
static void pass_back(const struct flow* flow, size_t bytes) {
  const bool is_v4 = flow->client.any.sa_family == AF_INET;
  struct in_pktinfo v4 = {.ipi_spec_dst = flow->local.v4};
  union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
  } control = {.bytes = {0}};
  size_t info_bytes = is_v4 ? sizeof v4 : sizeof flow->local.v6;
  struct iovec part = {.iov_base = buffer, .iov_len = bytes};
  struct msghdr message = {.msg_name = (void*)&flow->client,
    .msg_namelen = endpoint_bytes(&flow->client),
    .msg_iov = &part,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = CMSG_SPACE(info_bytes)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
  header->cmsg_type = is_v4 ? IP_PKTINFO : IPV6_PKTINFO;
  header->cmsg_len = CMSG_LEN(info_bytes);
  memcpy(CMSG_DATA(header), is_v4 ? (const void*)&v4 : (const void*)&flow->local.v6, info_bytes);
  /* What cannot be sent now is lost, as datagrams are. */
  sendmsg(flow->listener->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void flow_ready(struct watch* watch, uint32_t events) {
  (void)events;
  struct flow* flow = (struct flow*)((char*)watch - offsetof(struct flow, watch));
  for (int count = 0; count < RELAY_TURN_DATAGRAMS; count++) {
    ssize_t received = recv(watch->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    /* A port unreachable of the guest's is read here as an error, and only told once. */
    if (received < 0)
      return;
    use(flow, true);
    pass_back(flow, (size_t)received);
  }
}

static struct flow* find(struct listener* listener, const union endpoint* client, const union local* local) {
  for (struct flow* flow = *bucket_of(client); flow != NULL; flow = flow->next) {
    if (flow->listener == listener && endpoint_equal(&flow->client, client) &&
        local_equal(client->any.sa_family, &flow->local, local))
      return flow;
  }
  return NULL;
}

static void make_room(void) {
  struct flow* oldest = lists[false].oldest != NULL ? lists[false].oldest : lists[true].oldest;
  if (flows >= RELAY_FLOWS_MAX && oldest != NULL)
    end(oldest);
}

static struct flow* begin(struct listener* listener, const union endpoint* client, const union local* local) {
  const union endpoint* to = &listener->to;
  if (to->any.sa_family == AF_UNSPEC)
    return NULL;
  make_room();
  struct flow* flow = calloc(1, sizeof *flow);
  int fd = flow == NULL ? -1 : socket(to->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, &to->any, endpoint_bytes(to)) == 0) {
    *flow = (struct flow){.watch = {.fd = fd, .ready = flow_ready}, .listener = listener, .client = *client, .local = *local};
    if (loop_watch(&flow->watch, EPOLLIN)) {
      struct flow** bucket = bucket_of(client);
      flow->next = *bucket;
      *bucket = flow;
      flow->used_ms = now_ms();
      link_flow(flow);
      flows++;
      return flow;
    }
  }
  if (fd >= 0)
    close(fd);
  free(flow);
  return NULL;
}

static bool read_local(struct msghdr* message, union local* local) {
  for (struct cmsghdr* header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(header), sizeof info);
      local->v4 = info.ipi_spec_dst;
      return true;
    }
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      memcpy(&local->v6, CMSG_DATA(header), sizeof local->v6);
      /* The routing table knows the way, but for addresses of one link only. */
      if (!IN6_IS_ADDR_LINKLOCAL(&local->v6.ipi6_addr))
        local->v6.ipi6_ifindex = 0;
      return true;
    }
  }
  return false;
}

void udp_ready(struct watch* watch, uint32_t events) {
  (void)events;
  struct listener* listener = (struct listener*)((char*)watch - offsetof(struct listener, watch));
  for (int count = 0; count < RELAY_TURN_DATAGRAMS; count++) {
    union endpoint client = {0};
    union local local = {0};
    union {
      struct cmsghdr alignment;
      char bytes[128];
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr message = {.msg_name = &client,
      .msg_namelen = sizeof client,
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = &control,
      .msg_controllen = sizeof control};
    ssize_t received = recvmsg(watch->fd, &message, MSG_DONTWAIT);
    if (received < 0 || watch->ready == NULL)
      return;
    if (!read_local(&message, &local))
      continue;
    struct flow* flow = find(listener, &client, &local);
    if (flow == NULL)
      flow = begin(listener, &client, &local);
    if (flow == NULL)
      continue;
    use(flow, false);
    /* The first try after an unreachable port only tells that. */
    if (send(flow->watch.fd, buffer, (size_t)received, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED)
      send(flow->watch.fd, buffer, (size_t)received, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}
