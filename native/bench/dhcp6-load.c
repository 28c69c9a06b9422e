/*
 * dhcp6-load: a closed-loop DHCPv6 load that checks every reply.
 *
 * Theory of operation. It plays many clients and keeps a fixed number of exchanges open, as dhcp-load does for IPv4: when one
 * ends, the next client's begins. All clients speak from the interface's own link-local address and port 546, as those of
 * perfdhcp do, and differ in their DUIDs; so the kernel answers neighbour discovery, and a server of any make can reply. An
 * exchange is SOLICIT, ADVERTISE, REQUEST, REPLY; a renewal is RENEW, REPLY. What comes back is checked: client identifier,
 * server identifier, message type, one IA_NA with one address that is valid for a while, and that no two clients hold one. A
 * reply that is wrong is counted, never taken. Lost messages are sent again after a while, and counted.
 *
 * A client's number is the low half of the MAC address in its DUID (DUID-LL), so that a later run can be the same clients or
 * others (--first). The transaction id carries the client's index and a generation, so a late reply is told from a wrong one.
 *
 * It prints one line of JSON. Times are nanoseconds of CLOCK_MONOTONIC. Errors end it with a sentence and exit status 2.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MOST = 1 << 16, GENERATIONS = 1 << 8, BATCH = 64, MESSAGE_BYTES = 512, DUID_BYTES = 10, SERVER_DUID_MOST = 130 };
enum { SOLICIT = 1, ADVERTISE = 2, REQUEST = 3, RENEW = 5, REPLY = 7 };
enum { CLIENT_ID = 1, SERVER_ID = 2, IA_NA = 3, IA_ADDRESS = 5, OPTION_REQUEST = 6, ELAPSED = 8, STATUS = 13 };
enum phase { IDLE, WAIT_ADVERTISE, WAIT_REPLY, WAIT_RENEWED };

struct client {
  uint8_t duid[DUID_BYTES];
  uint8_t address[16]; /* zero while unbound */
  uint64_t sent_ns;
  uint32_t xid;
  enum phase phase;
  bool bound;
};

struct options {
  const char *interface;
  int clients, window, first;
  uint64_t retry_ns, exchanges;
  double seconds;
  bool renew, print_leases;
};

struct results {
  uint64_t done, renewed, retries, refused, wrong, duplicates;
  struct samples advertise_ns, reply_ns;
};

/* Who holds an address: open addressing over 2^18 places, four times as many as there can be clients. */
enum { PLACES = 1 << 18 };
static int owner_of[PLACES];

static struct options options = {.clients = 1000, .window = 32, .retry_ns = 1000000000, .seconds = 5};
static struct results results;
static struct client *clients;
static uint8_t server_duid[SERVER_DUID_MOST];
static size_t server_duid_bytes;
static int udp;
static struct sockaddr_in6 servers;
static int next_client, open_exchanges;
static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
  (void)signal;
  interrupted = 1;
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *data, size_t length) {
  uint16_t header[2] = {htons(code), htons((uint16_t)length)};
  memcpy(at, header, 4);
  memcpy(at + 4, data, length);
  return at + 4 + length;
}

/* Composes a message of `type`; returns its length. RFC 8415 §8, §21.4, §21.6. */
static size_t compose(const struct client *client, int type, uint8_t *message) {
  static const uint8_t asked[4] = {0, 23, 0, 24}, elapsed[2] = {0, 0};
  uint32_t head = htonl((uint32_t)type << 24 | client->xid);
  memcpy(message, &head, 4);
  uint8_t *at = put_option(message + 4, CLIENT_ID, client->duid, DUID_BYTES);
  if (type != SOLICIT) at = put_option(at, SERVER_ID, server_duid, server_duid_bytes);
  at = put_option(at, ELAPSED, elapsed, sizeof elapsed);
  at = put_option(at, OPTION_REQUEST, asked, sizeof asked);
  uint8_t ia[12 + 4 + 24] = {0, 0, 0, 1};
  size_t ia_bytes = 12;
  if (type != SOLICIT) {
    uint8_t leaf[24] = {0};
    memcpy(leaf, client->address, 16);
    put_option(ia + 12, IA_ADDRESS, leaf, sizeof leaf);
    ia_bytes = sizeof ia;
  }
  return (size_t)(put_option(at, IA_NA, ia, ia_bytes) - message);
}

static void transmit(struct client *client, int type) {
  uint8_t message[MESSAGE_BYTES];
  size_t length = compose(client, type, message);
  client->sent_ns = now_ns();
  ssize_t sent = sendto(udp, message, length, 0, (struct sockaddr *)&servers, sizeof servers);
  if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) fail("send", options.interface);
}

static void begin_exchange(void) {
  for (int tried = 0; tried < options.clients; tried++) {
    struct client *client = &clients[next_client];
    next_client = (next_client + 1) % options.clients;
    if (client->phase != IDLE) continue;
    bool renew = options.renew && client->bound;
    client->xid = (client->xid + CLIENTS_MOST) & (CLIENTS_MOST * GENERATIONS - 1);
    client->phase = renew ? WAIT_RENEWED : WAIT_ADVERTISE;
    open_exchanges++;
    transmit(client, renew ? RENEW : SOLICIT);
    return;
  }
}

static void end_exchange(struct client *client) {
  client->phase = IDLE;
  open_exchanges--;
}

/* Finds an option between `at` and `end`. Returns its length, or -1. */
static int find_option(const uint8_t *at, const uint8_t *end, uint16_t code, const uint8_t **value) {
  while (end - at >= 4) {
    int length = at[2] << 8 | at[3];
    if (end - at - 4 < length) return -1;
    if ((at[0] << 8 | at[1]) == code) {
      *value = at + 4;
      return length;
    }
    at += 4 + length;
  }
  return -1;
}

/* The address of the one IA_NA; NULL where there is none that is valid. `*refused` where the server says that it has none. */
static const uint8_t *address_in(const uint8_t *options_at, const uint8_t *end, bool *refused) {
  const uint8_t *ia, *leaf, *status;
  int ia_bytes = find_option(options_at, end, IA_NA, &ia);
  *refused = false;
  if (ia_bytes < 12) return NULL;
  int leaf_bytes = find_option(ia + 12, ia + ia_bytes, IA_ADDRESS, &leaf);
  if (leaf_bytes < 24 || memcmp(leaf + 20, "\0\0\0\0", 4) == 0) {
    *refused = find_option(ia + 12, ia + ia_bytes, STATUS, &status) >= 2;
    return NULL;
  }
  return leaf;
}

static uint32_t place_of(const uint8_t *address) {
  uint32_t hash = 2166136261u;
  for (int i = 0; i < 16; i++) hash = (hash ^ address[i]) * 16777619u;
  return hash & (PLACES - 1);
}

static bool bind_address(struct client *client, const uint8_t *address) {
  int self = (int)(client - clients) + 1;
  uint32_t place = place_of(address);
  for (int tried = 0; owner_of[place] != 0 && tried < PLACES; tried++, place = (place + 1) & (PLACES - 1)) {
    struct client *owner = &clients[owner_of[place] - 1];
    if (memcmp(owner->address, address, 16) != 0) continue;
    if (owner_of[place] == self) break;
    if (owner->bound) {
      results.duplicates++;
      return false;
    }
  }
  owner_of[place] = self;
  memcpy(client->address, address, 16);
  client->bound = true;
  return true;
}

static void on_reply(struct client *client, const uint8_t *address) {
  bool renewal = client->phase == WAIT_RENEWED;
  sample(&results.reply_ns, now_ns() - client->sent_ns);
  if (bind_address(client, address)) {
    if (renewal) results.renewed++;
    else results.done++;
    if (options.print_leases) {
      char text[INET6_ADDRSTRLEN];
      inet_ntop(AF_INET6, address, text, sizeof text);
      printf("leased %s\n", text);
    }
  }
  end_exchange(client);
}

/* One message from the server: finds its client by the transaction, checks it, moves the exchange on. */
static void on_message(const uint8_t *message, size_t length) {
  if (length < 4) return;
  const uint8_t *end = message + length, *value;
  uint32_t xid = (uint32_t)message[1] << 16 | (uint32_t)message[2] << 8 | message[3];
  uint32_t index = xid & (CLIENTS_MOST - 1);
  if (index >= (uint32_t)options.clients) {
    results.wrong++;
    return;
  }
  struct client *client = &clients[index];
  if (xid != client->xid) return; /* late: it was asked again since */
  if (find_option(message + 4, end, CLIENT_ID, &value) != DUID_BYTES || memcmp(value, client->duid, DUID_BYTES) != 0) {
    results.wrong++;
    return;
  }
  const uint8_t *server;
  int server_bytes = find_option(message + 4, end, SERVER_ID, &server);
  if (server_bytes < 3 || server_bytes > SERVER_DUID_MOST) {
    results.wrong++;
    return;
  }
  bool refused;
  const uint8_t *address = address_in(message + 4, end, &refused);
  if (message[0] == ADVERTISE && client->phase == WAIT_ADVERTISE) {
    if (address == NULL) {
      results.refused += refused;
      results.wrong += !refused;
      end_exchange(client);
      return;
    }
    sample(&results.advertise_ns, now_ns() - client->sent_ns);
    memcpy(server_duid, server, (size_t)server_bytes);
    server_duid_bytes = (size_t)server_bytes;
    if (!client->bound) memcpy(client->address, address, 16);
    uint8_t held[16];
    memcpy(held, client->address, 16);
    memcpy(client->address, address, 16);
    client->phase = WAIT_REPLY;
    transmit(client, REQUEST);
    memcpy(client->address, held, 16);
  } else if (message[0] == REPLY && (client->phase == WAIT_REPLY || client->phase == WAIT_RENEWED)) {
    if (address != NULL) {
      on_reply(client, address);
      return;
    }
    results.refused += refused;
    results.wrong += !refused;
    client->bound = false;
    end_exchange(client);
  }
}

static void drain(void) {
  uint8_t bytes[BATCH][1500];
  struct iovec slots[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    slots[i] = (struct iovec){bytes[i], sizeof bytes[i]};
    messages[i].msg_hdr.msg_iov = &slots[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int count = recvmmsg(udp, messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) on_message(bytes[i], messages[i].msg_len);
}

static void retry_lost(void) {
  uint64_t now = now_ns();
  for (int i = 0; i < options.clients; i++) {
    struct client *client = &clients[i];
    if (client->phase == IDLE || now - client->sent_ns < options.retry_ns) continue;
    results.retries++;
    /* A Request needs the address that was advertised, which is not kept: it begins anew. */
    if (client->phase == WAIT_REPLY) client->phase = WAIT_ADVERTISE;
    transmit(client, client->phase == WAIT_RENEWED ? RENEW : SOLICIT);
  }
}

static void open_socket(void) {
  unsigned index = if_nametoindex(options.interface);
  if (index == 0) fail("if_nametoindex", options.interface);
  udp = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (udp < 0) fail("socket", "UDP");
  int size = 8 << 20;
  setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  if (setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, options.interface, (socklen_t)strlen(options.interface) + 1) < 0)
    fail("SO_BINDTODEVICE", options.interface);
  struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_port = htons(546)};
  if (bind(udp, (struct sockaddr *)&own, sizeof own) < 0) fail("bind", "port 546");
  servers = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(547), .sin6_scope_id = index};
  inet_pton(AF_INET6, "ff02::1:2", &servers.sin6_addr);
}

static void make_clients(void) {
  clients = calloc((size_t)options.clients, sizeof *clients);
  if (clients == NULL) fail("calloc", "clients");
  for (int i = 0; i < options.clients; i++) {
    int number = options.first + i;
    const uint8_t duid_ll[7] = {0, 3, 0, 1, 0x52, 0x54, 0};
    memcpy(clients[i].duid, duid_ll, sizeof duid_ll);
    for (int octet = 0; octet < 3; octet++) clients[i].duid[7 + octet] = (uint8_t)(number >> (16 - 8 * octet));
    clients[i].xid = (uint32_t)i;
  }
}

static void usage(void) {
  fputs("Usage: dhcp6-load --interface NAME [options]\n"
        "  --clients N     clients in turn, 65,536 at most (1000)     --window N   exchanges kept open (32)\n"
        "  --exchanges N   stop after so many         --seconds S  stop after so long (5)\n"
        "  --first N       number of the first client (0)   --retry MS   when a message counts as lost (1000)\n"
        "  --renew         renew where a lease is held; the first round makes the leases, then it prints \"leased\"\n"
        "  --leases        print each address that a Reply gives, as it comes\n",
        stderr);
  exit(2);
}

static void parse_options(int argc, char **argv) {
  static const struct option names[] = {{"interface", 1, 0, 'i'}, {"clients", 1, 0, 'c'}, {"window", 1, 0, 'w'},
                                        {"exchanges", 1, 0, 'n'}, {"seconds", 1, 0, 's'}, {"renew", 0, 0, 'r'},
                                        {"leases", 0, 0, 'l'},    {"first", 1, 0, 'f'},   {"retry", 1, 0, 'R'},
                                        {0}};
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 'i': options.interface = optarg; break;
      case 'c': options.clients = atoi(optarg); break;
      case 'w': options.window = atoi(optarg); break;
      case 'n': options.exchanges = strtoull(optarg, NULL, 10); break;
      case 's': options.seconds = atof(optarg); break;
      case 'r': options.renew = true; break;
      case 'f': options.first = atoi(optarg); break;
      case 'R': options.retry_ns = strtoull(optarg, NULL, 10) * 1000000; break;
      case 'l': options.print_leases = true; break;
      default: usage();
    }
  }
  if (options.interface == NULL || options.retry_ns == 0 || optind != argc) usage();
  if (options.clients < 1 || options.clients > CLIENTS_MOST || options.window < 1) usage();
  if (options.first < 0 || options.first + options.clients > 1 << 24) usage();
  if (options.window > options.clients) options.window = options.clients;
}

/* Runs exchanges until `exchanges` ended or the time is over; returns the seconds it took. */
static double run(uint64_t exchanges, double seconds) {
  uint64_t start = now_ns(), deadline = start + (uint64_t)(seconds * 1e9), retry_at = start + options.retry_ns / 4;
  uint64_t first = results.done + results.renewed, ended = 0;
  int wait_ms = options.retry_ns < 400000000 ? (int)(options.retry_ns / 4000000) + 1 : 100;
  while (!interrupted) {
    uint64_t now = now_ns();
    if (now >= deadline) break;
    ended = results.done + results.renewed - first;
    if (exchanges != 0 && ended >= exchanges) break;
    while (open_exchanges < options.window && (exchanges == 0 || ended + (uint64_t)open_exchanges < exchanges)) {
      int before = open_exchanges;
      begin_exchange();
      if (open_exchanges == before) break;
    }
    struct pollfd ready = {.fd = udp, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) > 0) drain();
    if (now >= retry_at) {
      retry_lost();
      retry_at = now + options.retry_ns / 4;
    }
  }
  return (double)(now_ns() - start) / 1e9;
}

static void print_results(double seconds) {
  uint64_t ended = results.done + results.renewed;
  printf("{\"exchanges\":%lu,\"renewals\":%lu,\"seconds\":%.3f,\"perSecond\":%.1f,", results.done, results.renewed, seconds,
         (double)ended / seconds);
  printf("\"retries\":%lu,\"naks\":%lu,", results.retries, results.refused);
  printf("\"wrong\":%lu,\"duplicates\":%lu,", results.wrong, results.duplicates);
  printf("\"offerP50Us\":%.1f,\"offerP99Us\":%.1f,", percentile_us(&results.advertise_ns, 50),
         percentile_us(&results.advertise_ns, 99));
  printf("\"ackP50Us\":%.1f,\"ackP99Us\":%.1f}\n", percentile_us(&results.reply_ns, 50), percentile_us(&results.reply_ns, 99));
}

int main(int argc, char **argv) {
  program_name = "dhcp6-load";
  parse_options(argc, argv);
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  open_socket();
  make_clients();
  if (options.renew) {
    /* The leases that will be renewed are made first, and are not part of the figures. */
    options.renew = false;
    run((uint64_t)options.clients, 600);
    options.renew = true;
    results = (struct results){0};
    puts("leased");
  }
  double seconds = run(options.exchanges, options.seconds);
  print_results(seconds);
  return results.duplicates == 0 ? 0 : 1;
}
