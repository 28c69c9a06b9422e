/*
 * dns-load: a closed-loop DNS load over UDP that checks every answer.
 *
 * Theory of operation. A fixed number of questions is kept open over a number of sockets (each its own source port), or over one
 * TAP whose far end is the server's (then whole frames are written, as a guest would). Each slot holds one open question; its
 * answer must bear the slot's id, echo the question and have the expected code and at least one record where an address is
 * expected. A question without an answer for a second is asked again under a new id, and counted. Sends and receives are batched,
 * so that the load costs less than what it measures.
 *
 * It prints one line of JSON. Times are nanoseconds of CLOCK_MONOTONIC. Errors end it with a sentence and exit status 2.
 */
#include "load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1280, HEADERS_BYTES = 42, BATCH = 64, SLOTS_MOST = 4096, RETRY_NS = 1000000000, FIRST_PORT = 20000 };

struct slot {
  uint64_t sent_ns;
  uint16_t id;
  uint16_t question_bytes; /* name, type, class */
  uint8_t question[272];
};

struct options {
  const char *server, *domain, *tap, *hook, *mac, *server_mac, *address;
  int port, sockets, open, names, type, rcode;
  double seconds;
  bool miss;
};

static struct options options = {.server = "127.0.0.1", .domain = "example", .port = 53, .sockets = 20, .open = 100,
                                 .names = 10000, .type = 1, .seconds = 3};
static struct slot slots[SLOTS_MOST];
static int socket_fds[SLOTS_MOST];
static uint8_t headers[HEADERS_BYTES];
static uint64_t answered, wrong, retries, asked;
static struct samples latency_ns;
static uint32_t random_state = 0x9e3779b9;

static uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

/* host<N>.<domain>; N is drawn from the names, or never repeats when every question shall miss a cache. */
static void compose_question(struct slot *slot) {
  char label[24];
  uint32_t number = options.miss ? (uint32_t)asked : next_random() % (uint32_t)options.names;
  int length = snprintf(label, sizeof label, "host%u", number);
  uint8_t *at = slot->question;
  *at++ = (uint8_t)length;
  memcpy(at, label, (size_t)length), at += length;
  for (const char *from = options.domain; *from != 0;) {
    size_t label_bytes = strcspn(from, ".");
    *at++ = (uint8_t)label_bytes;
    memcpy(at, from, label_bytes), at += label_bytes;
    from += label_bytes;
    if (*from == '.') from++;
  }
  *at++ = 0;
  *at++ = (uint8_t)(options.type >> 8), *at++ = (uint8_t)options.type;
  *at++ = 0, *at++ = 1;
  slot->question_bytes = (uint16_t)(at - slot->question);
}

static size_t compose_message(const struct slot *slot, uint8_t *message) {
  memset(message, 0, 12);
  message[0] = (uint8_t)(slot->id >> 8), message[1] = (uint8_t)slot->id;
  message[2] = 1; /* RD */
  message[5] = 1; /* one question */
  memcpy(message + 12, slot->question, slot->question_bytes);
  return 12u + slot->question_bytes;
}

/* Slot number is in the id, so that an answer finds its slot; the rest of the id changes with each question. */
static void renew_id(struct slot *slot, int index) {
  slot->id = (uint16_t)(index | (int)(next_random() & 0xf) << 12);
}

/* True when the answer closes its slot. */
static bool check_answer(const uint8_t *message, size_t length) {
  if (length < 12) {
    wrong++;
    return false;
  }
  uint16_t id = (uint16_t)(message[0] << 8 | message[1]);
  struct slot *slot = &slots[id & 0xfff];
  if (slot->id != id || slot->sent_ns == 0) return false; /* late: it was asked again since */
  bool good = (message[2] & 0x80) != 0 && (message[3] & 15) == options.rcode && length >= 12u + slot->question_bytes &&
              memcmp(message + 12, slot->question, slot->question_bytes) == 0 &&
              (options.rcode != 0 || message[7] != 0 || message[6] != 0);
  if (!good) wrong++;
  else {
    answered++;
    sample(&latency_ns, now_ns() - slot->sent_ns);
  }
  slot->sent_ns = 0;
  return true;
}

static uint16_t sum16(const uint8_t *bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  if (length % 2 != 0) sum += (uint32_t)bytes[length - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void parse_mac(const char *text, uint8_t *mac) {
  if (text == NULL || sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) {
    fprintf(stderr, "dns-load: --tap wants --mac, --server-mac and --address\n");
    exit(2);
  }
}

static int open_tap(void) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("open", "/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, IFNAMSIZ, "%s", options.tap);
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF", options.tap);
  parse_mac(options.server_mac, headers);
  parse_mac(options.mac, headers + 6);
  headers[12] = 8;
  headers[14] = 0x45;
  headers[22] = 64;
  headers[23] = IPPROTO_UDP;
  if (options.address == NULL || inet_pton(AF_INET, options.address, headers + 26) != 1) fail("address", options.address);
  if (inet_pton(AF_INET, options.server, headers + 30) != 1) fail("address", options.server);
  headers[36] = (uint8_t)(options.port >> 8), headers[37] = (uint8_t)options.port;
  if (options.hook != NULL) {
    pid_t child = fork();
    if (child == 0) {
      execl(options.hook, options.hook, options.tap, (char *)NULL);
      _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) fail("hook", options.hook);
  }
  return fd;
}

/* Puts Ethernet, IPv4 and UDP headers, checksums included, in front of the message at frame + HEADERS_BYTES. */
static size_t wrap(uint8_t *frame, size_t message_bytes, int index) {
  memcpy(frame, headers, HEADERS_BYTES);
  size_t udp_bytes = 8 + message_bytes, ip_bytes = 20 + udp_bytes;
  frame[16] = (uint8_t)(ip_bytes >> 8), frame[17] = (uint8_t)ip_bytes;
  uint16_t sum = (uint16_t)~sum16(frame + 14, 20, 0);
  frame[24] = (uint8_t)(sum >> 8), frame[25] = (uint8_t)sum;
  int source = FIRST_PORT + index % options.sockets;
  frame[34] = (uint8_t)(source >> 8), frame[35] = (uint8_t)source;
  frame[38] = (uint8_t)(udp_bytes >> 8), frame[39] = (uint8_t)udp_bytes;
  uint16_t udp = (uint16_t)~sum16(frame + 34, udp_bytes, sum16(frame + 26, 8, IPPROTO_UDP + (uint32_t)udp_bytes));
  if (udp == 0) udp = 0xffff;
  frame[40] = (uint8_t)(udp >> 8), frame[41] = (uint8_t)udp;
  return HEADERS_BYTES + message_bytes;
}

/* Asks in every slot of [first, first + count) that is free (or overdue) over one fd, in one batch. */
static void ask(int fd, int first, int step, uint64_t now) {
  static uint8_t messages[BATCH][HEADERS_BYTES + 320];
  struct mmsghdr batch[BATCH];
  struct iovec parts[BATCH];
  unsigned count = 0;
  for (int index = first; index < options.open && count < BATCH; index += step) {
    struct slot *slot = &slots[index];
    if (slot->sent_ns != 0) {
      if (now - slot->sent_ns < RETRY_NS) continue;
      retries++;
    }
    renew_id(slot, index);
    compose_question(slot);
    asked++;
    size_t length = compose_message(slot, messages[count] + (options.tap != NULL ? HEADERS_BYTES : 0));
    slot->sent_ns = now_ns();
    if (options.tap != NULL) {
      length = wrap(messages[count], length, index);
      if (write(fd, messages[count], length) < 0 && errno != EAGAIN) fail("write", options.tap);
      continue;
    }
    parts[count] = (struct iovec){messages[count], length};
    batch[count].msg_hdr = (struct msghdr){.msg_iov = &parts[count], .msg_iovlen = 1};
    count++;
  }
  for (unsigned sent = 0; sent < count;) {
    int n = sendmmsg(fd, batch + sent, count - sent, 0);
    if (n < 0 && errno == ECONNREFUSED) continue;
    if (n < 0) fail("sendmmsg", options.server);
    sent += (unsigned)n;
  }
}

static void receive(int fd) {
  static uint8_t messages[BATCH][MESSAGE_BYTES];
  if (options.tap != NULL) {
    for (int budget = 0; budget < BATCH; budget++) {
      ssize_t length = read(fd, messages[0], MESSAGE_BYTES);
      if (length <= 0) return;
      if (length > HEADERS_BYTES && messages[0][23] == IPPROTO_UDP && messages[0][12] == 8 &&
          (messages[0][34] << 8 | messages[0][35]) == options.port) {
        check_answer(messages[0] + HEADERS_BYTES, (size_t)length - HEADERS_BYTES);
      }
    }
    return;
  }
  struct mmsghdr batch[BATCH];
  struct iovec parts[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){messages[i], MESSAGE_BYTES};
    batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = recvmmsg(fd, batch, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) check_answer(messages[i], batch[i].msg_len);
}

static void open_sockets(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
  if (inet_pton(AF_INET, options.server, &to.sin_addr) != 1) fail("address", options.server);
  for (int i = 0; i < options.sockets; i++) {
    socket_fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fds[i] < 0 || connect(socket_fds[i], (struct sockaddr *)&to, sizeof to) < 0) fail("connect", options.server);
  }
}

static void usage(void) {
  fputs("Usage: dns-load [options]\n"
        "  --server A --port N      whom to ask (127.0.0.1, 53)\n"
        "  --domain D --names N     asks host0.D to host<N-1>.D (example, 10000); --miss: never the same name twice\n"
        "  --type N --rcode N       question type (1) and the code expected (0)\n"
        "  --open N --sockets N     questions kept open (100), over so many sockets (20)\n"
        "  --seconds S              how long (3)\n"
        "  --tap NAME --mac M --address A --server-mac M [--hook PROGRAM]   as a guest, by frames\n",
        stderr);
  exit(2);
}

static void parse_options(int argc, char **argv) {
  static const struct option names[] = {
      {"server", 1, 0, 's'},  {"port", 1, 0, 'p'},  {"domain", 1, 0, 'd'}, {"names", 1, 0, 'n'},
      {"type", 1, 0, 't'},    {"rcode", 1, 0, 'r'}, {"open", 1, 0, 'o'},   {"sockets", 1, 0, 'k'},
      {"seconds", 1, 0, 'S'}, {"miss", 0, 0, 'm'},  {"tap", 1, 0, 'T'},    {"hook", 1, 0, 'h'},
                                        {"mac", 1, 0, 'M'},     {"server-mac", 1, 0, 'G'}, {"address", 1, 0, 'a'}, {0}};
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 's': options.server = optarg; break;
      case 'p': options.port = atoi(optarg); break;
      case 'd': options.domain = optarg; break;
      case 'n': options.names = atoi(optarg); break;
      case 't': options.type = atoi(optarg); break;
      case 'r': options.rcode = atoi(optarg); break;
      case 'o': options.open = atoi(optarg); break;
      case 'k': options.sockets = atoi(optarg); break;
      case 'S': options.seconds = atof(optarg); break;
      case 'm': options.miss = true; break;
      case 'T': options.tap = optarg; break;
      case 'h': options.hook = optarg; break;
      case 'M': options.mac = optarg; break;
      case 'G': options.server_mac = optarg; break;
      case 'a': options.address = optarg; break;
      default: usage();
    }
  }
  if (options.open < 1 || options.open > SLOTS_MOST || options.sockets < 1 || options.names < 1 || optind != argc) usage();
  if (strlen(options.domain) > 200) usage();
  if (options.sockets > options.open) options.sockets = options.open;
}

int main(int argc, char **argv) {
  program_name = "dns-load";
  parse_options(argc, argv);
  int fds = options.sockets;
  if (options.tap != NULL) {
    socket_fds[0] = open_tap();
    fds = 1;
  } else {
    open_sockets();
  }
  struct pollfd ready[SLOTS_MOST];
  for (int i = 0; i < fds; i++) ready[i] = (struct pollfd){.fd = socket_fds[i], .events = POLLIN};
  uint64_t start = now_ns(), deadline = start + (uint64_t)(options.seconds * 1e9);
  for (uint64_t now = start; now < deadline; now = now_ns()) {
    for (int i = 0; i < fds; i++) ask(socket_fds[i], i, fds, now);
    if (poll(ready, (nfds_t)fds, 100) < 0) fail("poll", "");
    for (int i = 0; i < fds; i++)
      if (ready[i].revents != 0) receive(socket_fds[i]);
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  printf("{\"answered\":%lu,\"perSecond\":%.1f,\"wrong\":%lu,", answered, (double)answered / seconds, wrong);
  printf("\"retries\":%lu,\"seconds\":%.3f,\"p50Us\":%.1f,", retries, seconds, percentile_us(&latency_ns, 50));
  printf("\"p99Us\":%.1f,\"p999Us\":%.1f}\n", percentile_us(&latency_ns, 99), percentile_us(&latency_ns, 99.9));
  return wrong == 0 && answered > 0 ? 0 : 1;
}
