/*
 * dhcp-load: a closed-loop DHCPv4 load that checks every reply.
 *
 * Theory of operation. It plays many clients and keeps a fixed number of exchanges open: when one ends, the next client's begins,
 * so the rate is what the server can do and not what was asked of it. Clients live either on one link (an AF_PACKET socket
 * on an interface: all clients share it) or on one TAP each (a TAP made here, its far end being the server's). An exchange is
 * DISCOVER, OFFER, REQUEST, ACK; a renewal is REQUEST, ACK with ciaddr. What comes back is checked: xid, chaddr, message
 * type, server identifier, lease time, and that no two clients hold one address. A reply that is wrong is counted, never
 * taken. Lost messages are sent again after a while, and counted.
 *
 * A client's number is the low half of its MAC address, so that a later run can be the same clients (they are known to the
 * server), or others (--first). As a relay it sends and receives by unicast like one, but answers no ARP: the server's side
 * needs a permanent neighbour for giaddr.
 *
 * It prints one line of JSON. Times are nanoseconds of CLOCK_MONOTONIC. Errors end it with a sentence and exit status 2.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAME_BYTES = 1514, BATCH = 64, DHCP_MIN_BYTES = 300, XID_STEP = 1 << 20 };
enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };
enum phase { IDLE, WAIT_OFFER, WAIT_ACK, WAIT_RENEWED };

struct client {
  uint8_t mac[6];
  uint8_t server_mac[6];
  uint32_t xid;
  uint32_t address;   /* network order; 0 while unbound */
  uint32_t server_id; /* network order */
  uint64_t sent_ns;
  int fd; /* this client's TAP, or the shared packet socket */
  enum phase phase;
};

struct options {
  const char *interface;  /* shared link */
  const char *tap_prefix; /* one TAP a client: the prefix of their names */
  const char *tap_hook;   /* program run as HOOK IFNAME for each TAP once it exists */
  uint32_t relay;         /* giaddr, network order; 0: play the clients themselves */
  int clients, window, first;
  uint64_t retry_ns;
  uint64_t exchanges;
  double seconds;
  bool renew, print_leases, warm_up;
};

struct results {
  uint64_t done, renewed, retries, naks, wrong, duplicates;
  struct samples offer_ns, ack_ns;
};

static struct options options = {.clients = 1000, .window = 32, .retry_ns = 1000000000, .exchanges = 0, .seconds = 5};
static struct results results;
static struct client *clients;
static int *owner_of; /* client index + 1 by the low 20 bits of an address: enough for a /12 */
static int epoll_fd, shared_fd = -1, shared_ifindex;
static uint8_t own_mac[6];
static int next_client, open_exchanges;
static volatile sig_atomic_t interrupted;

static void on_signal(int signal) {
  (void)signal;
  interrupted = 1;
}

static uint16_t ip_checksum(const uint8_t *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void put16(uint8_t *at, uint16_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

/* Composes a DHCP message of `type` for a client; returns the frame's length. RFC 2131 §2 and table 5. */
static size_t compose(const struct client *client, int type, bool renewing, uint8_t *frame) {
  memset(frame, 0, 42 + DHCP_MIN_BYTES);
  uint8_t *dhcp = frame + 42;
  dhcp[0] = 1; /* BOOTREQUEST */
  dhcp[1] = 1;
  dhcp[2] = 6;
  memcpy(dhcp + 4, &client->xid, 4);
  if (renewing) memcpy(dhcp + 12, &client->address, 4);
  if (options.relay != 0) {
    dhcp[3] = 1;
    memcpy(dhcp + 24, &options.relay, 4);
  }
  memcpy(dhcp + 28, client->mac, 6);
  static const uint8_t cookie[4] = {99, 130, 83, 99};
  memcpy(dhcp + 236, cookie, 4);
  uint8_t *at = dhcp + 240;
  *at++ = 53, *at++ = 1, *at++ = (uint8_t)type;
  if (type == REQUEST && !renewing) {
    *at++ = 50, *at++ = 4;
    memcpy(at, &client->address, 4), at += 4;
    *at++ = 54, *at++ = 4;
    memcpy(at, &client->server_id, 4), at += 4;
  }
  *at++ = 55, *at++ = 4, *at++ = 1, *at++ = 3, *at++ = 6, *at++ = 15;
  *at++ = 255;
  size_t dhcp_bytes = (size_t)(at - dhcp) < DHCP_MIN_BYTES ? DHCP_MIN_BYTES : (size_t)(at - dhcp);

  bool unicast = options.relay != 0 || renewing;
  if (unicast && client->server_id != 0) memcpy(frame, client->server_mac, 6);
  else memset(frame, 0xff, 6);
  memcpy(frame + 6, options.relay != 0 ? own_mac : client->mac, 6);
  put16(frame + 12, ETH_P_IP);
  uint8_t *ip = frame + 14;
  ip[0] = 0x45;
  put16(ip + 2, (uint16_t)(28 + dhcp_bytes));
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  uint32_t source = options.relay != 0 ? options.relay : renewing ? client->address : 0;
  memcpy(ip + 12, &source, 4);
  if (unicast && client->server_id != 0) memcpy(ip + 16, &client->server_id, 4);
  else memset(ip + 16, 0xff, 4);
  put16(ip + 10, ip_checksum(ip, 20));
  put16(frame + 34, options.relay != 0 ? 67 : 68);
  put16(frame + 36, 67);
  put16(frame + 38, (uint16_t)(8 + dhcp_bytes));
  return 42 + dhcp_bytes;
}

static void transmit(struct client *client, int type, bool renewing) {
  uint8_t frame[FRAME_BYTES];
  size_t length = compose(client, type, renewing, frame);
  client->sent_ns = now_ns();
  ssize_t sent;
  if (client->fd == shared_fd) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = shared_ifindex, .sll_halen = 6};
    memcpy(to.sll_addr, frame, 6);
    sent = sendto(client->fd, frame, length, 0, (struct sockaddr *)&to, sizeof to);
  } else {
    sent = write(client->fd, frame, length);
  }
  if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) fail("send", options.interface);
}

static void begin_exchange(void) {
  for (int tried = 0; tried < options.clients; tried++) {
    struct client *client = &clients[next_client];
    next_client = (next_client + 1) % options.clients;
    if (client->phase != IDLE) continue;
    bool renew = options.renew && client->address != 0;
    client->xid = htonl(ntohl(client->xid) + XID_STEP);
    client->phase = renew ? WAIT_RENEWED : WAIT_OFFER;
    open_exchanges++;
    transmit(client, renew ? REQUEST : DISCOVER, renew);
    return;
  }
}

static void end_exchange(struct client *client) {
  client->phase = IDLE;
  open_exchanges--;
}

/* Finds an option in the options field only (servers under load need no overload). Returns its length, or -1. */
static int find_option(const uint8_t *dhcp, size_t length, uint8_t code, const uint8_t **value) {
  for (size_t at = 240; at < length && dhcp[at] != 255;) {
    if (dhcp[at] == 0) {
      at++;
      continue;
    }
    if (at + 2 > length || at + 2 + dhcp[at + 1] > length) return -1;
    if (dhcp[at] == code) {
      *value = dhcp + at + 2;
      return dhcp[at + 1];
    }
    at += 2u + dhcp[at + 1];
  }
  return -1;
}

static bool bind_address(struct client *client, uint32_t address) {
  int *owner = &owner_of[ntohl(address) & 0xfffff];
  int self = (int)(client - clients) + 1;
  if (*owner != 0 && *owner != self && clients[*owner - 1].address == address) {
    results.duplicates++;
    return false;
  }
  client->address = address;
  *owner = self;
  return true;
}

static void on_ack(struct client *client, uint32_t yiaddr, bool renewal) {
  sample(&results.ack_ns, now_ns() - client->sent_ns);
  if (bind_address(client, yiaddr)) {
    if (renewal) results.renewed++;
    else results.done++;
    if (options.print_leases) {
      char text[INET_ADDRSTRLEN];
      const uint8_t *m = client->mac;
      inet_ntop(AF_INET, &yiaddr, text, sizeof text);
      printf("%02x:%02x:%02x:%02x:%02x:%02x %s\n", m[0], m[1], m[2], m[3], m[4], m[5], text);
    }
  }
  end_exchange(client);
}

/* One frame from the server: finds its client by chaddr, checks it, moves the exchange on. */
static void on_frame(const uint8_t *frame, size_t length) {
  if (length < 42 + 241 || frame[12] != 8 || frame[13] != 0 || frame[23] != IPPROTO_UDP) return;
  size_t header = (size_t)(frame[14] & 15) * 4;
  const uint8_t *udp = frame + 14 + header;
  uint16_t to = (uint16_t)(udp[2] << 8 | udp[3]);
  if (to != 68 && to != 67) return;
  const uint8_t *dhcp = udp + 8;
  size_t dhcp_bytes = length - (size_t)(dhcp - frame);
  if (dhcp_bytes < 241 || dhcp[0] != 2) return;
  uint32_t index = (uint32_t)dhcp[31] << 16 | (uint32_t)dhcp[32] << 8 | dhcp[33];
  index -= (uint32_t)options.first;
  if (index >= (uint32_t)options.clients || memcmp(dhcp + 28, clients[index].mac, 6) != 0) return;
  struct client *client = &clients[index];
  const uint8_t *value;
  uint32_t yiaddr;
  memcpy(&yiaddr, dhcp + 16, 4);
  uint32_t xid;
  memcpy(&xid, dhcp + 4, 4);
  /* Late: it was asked again since. */
  if (xid != client->xid && ((ntohl(xid) ^ ntohl(client->xid)) & (XID_STEP - 1)) == 0) return;
  if (xid != client->xid || find_option(dhcp, dhcp_bytes, 53, &value) != 1) {
    results.wrong++;
    return;
  }
  int type = value[0];
  if (find_option(dhcp, dhcp_bytes, 54, &value) != 4) {
    results.wrong++;
    return;
  }
  uint32_t server_id;
  memcpy(&server_id, value, 4);
  if (type == NAK) {
    results.naks++;
    client->address = 0;
    end_exchange(client);
    return;
  }
  if (yiaddr == 0 || find_option(dhcp, dhcp_bytes, 51, &value) != 4) {
    results.wrong++;
  } else if (type == OFFER && client->phase == WAIT_OFFER) {
    sample(&results.offer_ns, now_ns() - client->sent_ns);
    memcpy(client->server_mac, frame + 6, 6);
    client->server_id = server_id;
    client->address = yiaddr;
    client->phase = WAIT_ACK;
    transmit(client, REQUEST, false);
  } else if (type == ACK && (client->phase == WAIT_ACK || client->phase == WAIT_RENEWED)) {
    on_ack(client, yiaddr, client->phase == WAIT_RENEWED);
  }
}

static void drain(int fd) {
  uint8_t frame[FRAME_BYTES];
  for (int budget = 0; budget < BATCH; budget++) {
    ssize_t length = read(fd, frame, sizeof frame);
    if (length <= 0) return;
    on_frame(frame, (size_t)length);
  }
}

static void retry_lost(void) {
  uint64_t now = now_ns();
  for (int i = 0; i < options.clients; i++) {
    struct client *client = &clients[i];
    if (client->phase == IDLE || now - client->sent_ns < options.retry_ns) continue;
    results.retries++;
    bool renewing = client->phase == WAIT_RENEWED;
    transmit(client, client->phase == WAIT_OFFER ? DISCOVER : REQUEST, renewing);
  }
}

static void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl", "");
}

/* UDP datagrams to ports 67 and 68 only: the host's own traffic on the link is none of ours. */
static void attach_filter(int fd) {
  static struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 6),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 4),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 36),   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 67, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 68, 0, 1), BPF_STMT(BPF_RET | BPF_K, 65535),
      BPF_STMT(BPF_RET | BPF_K, 0)};
  struct sock_fprog program = {sizeof code / sizeof code[0], code};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) fail("SO_ATTACH_FILTER", options.interface);
}

static void open_shared_link(void) {
  shared_ifindex = (int)if_nametoindex(options.interface);
  if (shared_ifindex == 0) fail("if_nametoindex", options.interface);
  shared_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (shared_fd < 0) fail("socket AF_PACKET", options.interface);
  attach_filter(shared_fd);
  int one = 1, size = 8 << 20;
  setsockopt(shared_fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
  setsockopt(shared_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(shared_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  struct packet_mreq promiscuous = {.mr_ifindex = shared_ifindex, .mr_type = PACKET_MR_PROMISC};
  setsockopt(shared_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = shared_ifindex};
  if (bind(shared_fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind", options.interface);
  struct ifreq request = {0};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", options.interface);
  if (ioctl(shared_fd, SIOCGIFHWADDR, &request) < 0) fail("SIOCGIFHWADDR", options.interface);
  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);
  watch(shared_fd);
}

static int open_tap(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("open", "/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF", name);
  return fd;
}

static void run_hook(const char *name) {
  pid_t child = fork();
  if (child < 0) fail("fork", name);
  if (child == 0) {
    execl(options.tap_hook, options.tap_hook, name, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) < 0 || status != 0) {
    fprintf(stderr, "dhcp-load: %s %s ended with status %d\n", options.tap_hook, name, WEXITSTATUS(status));
    exit(2);
  }
}

static void make_clients(void) {
  clients = calloc((size_t)options.clients, sizeof *clients);
  owner_of = calloc(1 << 20, sizeof *owner_of);
  if (clients == NULL || owner_of == NULL) fail("calloc", "clients");
  for (int i = 0; i < options.clients; i++) {
    struct client *client = &clients[i];
    int number = options.first + i;
    const uint8_t mac[6] = {0x52, 0x54, 0x00, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    memcpy(client->mac, mac, 6);
    client->xid = htonl((uint32_t)i);
    client->fd = shared_fd;
    if (options.tap_prefix == NULL) continue;
    char name[IFNAMSIZ];
    snprintf(name, sizeof name, "%s%d", options.tap_prefix, number);
    client->fd = open_tap(name);
    watch(client->fd);
    if (options.tap_hook != NULL) run_hook(name);
  }
}

static void usage(void) {
  fputs("Usage: dhcp-load (--interface NAME | --taps PREFIX [--hook PROGRAM]) [options]\n"
        "  --clients N     clients in turn (1000)     --window N   exchanges kept open (32)\n"
        "  --exchanges N   stop after so many         --seconds S  stop after so long (5)\n"
        "  --first N       number of the first client (0)   --retry MS   when a message counts as lost (1000)\n"
        "  --renew         renew where a lease is held; the first round makes the leases, then it prints \"leased\"\n"
        "  --relay ADDRESS play a relay with this giaddr\n"
        "  --warm-up       one exchange first that is not counted; prints \"serving\" when it has ended\n"
        "  --leases        print each acknowledged lease as it comes: MAC address\n"
        "With --taps it waits for a line on standard input before it starts, so that a server may start in between, and after\n"
        "its results for another, so that the TAPs may be removed all at once.\n",
        stderr);
  exit(2);
}

static void parse_options(int argc, char **argv) {
  static const struct option names[] = {
      {"interface", 1, 0, 'i'}, {"taps", 1, 0, 't'},    {"hook", 1, 0, 'h'},  {"clients", 1, 0, 'c'},
      {"window", 1, 0, 'w'},    {"exchanges", 1, 0, 'n'}, {"seconds", 1, 0, 's'}, {"renew", 0, 0, 'r'},
      {"relay", 1, 0, 'g'},     {"leases", 0, 0, 'l'},  {"first", 1, 0, 'f'},   {"retry", 1, 0, 'R'},    {"warm-up", 0, 0, 'u'},
      {0}};
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 'i': options.interface = optarg; break;
      case 't': options.tap_prefix = optarg; break;
      case 'h': options.tap_hook = optarg; break;
      case 'c': options.clients = atoi(optarg); break;
      case 'w': options.window = atoi(optarg); break;
      case 'n': options.exchanges = strtoull(optarg, NULL, 10); break;
      case 's': options.seconds = atof(optarg); break;
      case 'r': options.renew = true; break;
      case 'g': if (inet_pton(AF_INET, optarg, &options.relay) != 1) usage(); break;
      case 'u': options.warm_up = true; break;
      case 'f': options.first = atoi(optarg); break;
      case 'R': options.retry_ns = strtoull(optarg, NULL, 10) * 1000000; break;
      case 'l': options.print_leases = true; break;
      default: usage();
    }
  }
  if ((options.interface == NULL) == (options.tap_prefix == NULL)) usage();
  if (options.clients < 1 || options.clients > 1 << 20 || options.window < 1 || options.retry_ns == 0 || optind != argc) usage();
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
    struct epoll_event events[BATCH];
    int ready = epoll_wait(epoll_fd, events, BATCH, wait_ms);
    for (int i = 0; i < ready; i++) drain(events[i].data.fd);
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
  printf("\"retries\":%lu,\"naks\":%lu,", results.retries, results.naks);
  printf("\"wrong\":%lu,\"duplicates\":%lu,", results.wrong, results.duplicates);
  printf("\"offerP50Us\":%.1f,\"offerP99Us\":%.1f,", percentile_us(&results.offer_ns, 50), percentile_us(&results.offer_ns, 99));
  printf("\"ackP50Us\":%.1f,\"ackP99Us\":%.1f}\n", percentile_us(&results.ack_ns, 50), percentile_us(&results.ack_ns, 99));
}

int main(int argc, char **argv) {
  program_name = "dhcp-load";
  parse_options(argc, argv);
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) fail("epoll_create1", "");
  if (options.interface != NULL) open_shared_link();
  make_clients();
  if (options.tap_prefix != NULL) {
    puts("ready");
    if (getchar() == EOF) return 0;
  }
  if (options.warm_up) {
    run(1, 600);
    results = (struct results){0};
    puts("serving");
  }
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
  if (options.tap_prefix != NULL) getchar();
  return results.duplicates == 0 ? 0 : 1;
}
