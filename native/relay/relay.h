#ifndef TAPNET_RELAY_H
#define TAPNET_RELAY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Bounds. Beyond them a new connection is reset, and the UDP flow that is idle longest makes room. */
enum {
  RELAY_CONNECTIONS_MAX = 8192,
  RELAY_FLOWS_MAX = 4096,
  /* RFC 4787 REQ-5: not before two minutes. */
  RELAY_FLOW_IDLE_SECONDS = 120,
  /* Bytes that are taken from one connection before others have their turn. */
  RELAY_TURN_BYTES = 128 * 1024,
  /* The same, of datagrams. */
  RELAY_TURN_DATAGRAMS = 32,
};

/* An address with its port; `any.sa_family` says which. AF_UNSPEC: nowhere. */
union endpoint {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

socklen_t endpoint_bytes(const union endpoint* endpoint);
bool endpoint_equal(const union endpoint* one, const union endpoint* other);
uint32_t endpoint_hash(const union endpoint* endpoint);

/* A descriptor that is waited for. Lives inside of what it belongs to. */
struct watch {
  int fd;
  uint32_t events; /* that are waited for now; 0: not in the epoll */
  void (*ready)(struct watch* watch, uint32_t events);
};

/* What is freed only when no event of the present batch can name it any more. */
struct retired {
  struct retired* next;
};

void loop_open(void);
/* Waits for other events; 0 for none at all, not even errors. False where the kernel has no memory for it. */
bool loop_watch(struct watch* watch, uint32_t events);
/* Closes the descriptor. The watch hears nothing from now on. */
void loop_drop(struct watch* watch);
/* Frees a block from malloc that begins with a struct retired, later. */
void loop_retire(struct retired* block);
void loop_run(void);
long long now_ms(void);

/* Of the one process: opens sockets until nobody asks any more. */
void opener_serve(int asks);
/* Of the other: a bound socket of the host's namespace (TCP: listening), nonblocking. -1 with errno. */
int opener_open(int type, const union endpoint* at);
extern int opener_fd;

/* A port of the host, and where it leads. */
struct listener {
  struct retired retired;
  struct watch watch;
  struct listener* next;
  int type; /* SOCK_STREAM or SOCK_DGRAM */
  union endpoint at;
  union endpoint to;
  union endpoint otherwise; /* for connections that `to` refuses; AF_UNSPEC: nowhere */
  unsigned round; /* of the last `begin` in which it was named */
};

void control_listen(int fd);

void tcp_open(void);
void tcp_ready(struct watch* watch, uint32_t events);

void udp_ready(struct watch* watch, uint32_t events);
/* Ends the flows of a port that goes elsewhere from now on, or nowhere. */
void udp_forget(const struct listener* listener);
/* Ends idle flows; milliseconds until it is to be called again, -1 where there are none. */
int udp_expire(void);

#endif
