/*
 * forward-load: plays the VMM side of two ports and measures what is between them.
 *
 * Theory of operation. Frames written into port A must come out of port B, forwarded by whatever is under test: the kernel,
 * a bridge, a forwarder behind unix sockets. Each frame is UDP (or, above 1,514 bytes, one TCP segment to be cut later) from A's
 * address to B's, and carries a mark and a sequence number, so that only what was really forwarded counts. Three ways to measure:
 *   rate      a sending and a receiving thread; at most `window` frames are under way, so that nothing is lost in full queues and
 *             the receiver's rate is the system's; what got lost all the same is found by a pause, counted, and given up.
 *   one-core  one thread in turn writes a batch and reads it: nanoseconds per frame for write + forward + read, and how many of
 *             them this program had the processor, which other programs on the machine lengthen less. With --fresh each frame
 *             has a source port of its own, so that each begins a connection; it ends when all ports have been used.
 *   trip      one frame at a time, from A to B and back: the round trip, blocking in poll or busy.
 * Rate and trip begin when the first frame has come through, and with --warm the same goes on for a while before it counts, until
 * compilers and caches have settled.
 *
 * It prints one line of JSON. Errors end it with a sentence and exit status 2.
 */
#include "frame-port.h"

#include <getopt.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { SOURCE_PORT_AT = 34, MARK_AT = 54, STALL_NS = 200000000, FIRST_PORT = 1024, AFTER_PORTS = 65536 };
/* How long the first frame may take: forwarders start at the same time. */
#define FIRST_NS 5000000000ull
static const uint8_t MARK[4] = {0x74, 0x6e, 0x66, 0x77};

struct end {
  struct frame_port port;
  const char *where;
  uint8_t mac[6], next_hop[6];
  uint32_t address;
};

static struct {
  const char *mode, *hook, *back;
  size_t bytes;
  double seconds, warm;
  int window;
  bool busy, fresh;
} options = {.mode = "rate", .bytes = 64, .seconds = 2, .window = 256};
static struct end ends[2];
static atomic_ulong sent, received, received_bytes;
static atomic_bool stop;

static uint16_t sum16(const uint8_t *bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  if (length % 2 != 0) sum += (uint32_t)bytes[length - 1] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

static void put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

/*
 * A frame of `length` bytes from one end to the other. Up to 1,514: UDP. Above: a TCP segment that leaves its checksum open. Its
 * answer has the ports the other way round, so that a translator of addresses finds it.
 */
static void compose(uint8_t *frame, size_t length, const struct end *from, const struct end *to, bool answer) {
  memset(frame, 0, length);
  memcpy(frame, from->next_hop, 6);
  memcpy(frame + 6, from->mac, 6);
  put16(frame + 12, ETH_P_IP);
  frame[14] = 0x45;
  put16(frame + 16, (unsigned)length - 14);
  frame[20] = 0x40; /* DF */
  frame[22] = 64;
  bool large = length > 1514;
  frame[23] = large ? IPPROTO_TCP : IPPROTO_UDP;
  memcpy(frame + 26, &from->address, 4);
  memcpy(frame + 30, &to->address, 4);
  put16(frame + 24, (uint16_t)~sum16(frame + 14, 20, 0));
  put16(frame + SOURCE_PORT_AT, answer ? 5002 : 5001);
  put16(frame + 36, answer ? 5001 : 5002);
  if (large) {
    frame[46] = 0x50; /* header of five words */
    frame[47] = 0x10; /* ACK */
    put16(frame + 48, 65535);
    put16(frame + 50, sum16(frame + 26, 8, IPPROTO_TCP + (uint32_t)length - 34));
  } else {
    put16(frame + 38, (unsigned)length - 34); /* no UDP checksum: it is optional in IPv4 */
  }
  memcpy(frame + MARK_AT, MARK, 4);
}

static bool is_ours(const uint8_t *frame, size_t length) {
  return length >= MARK_AT + 4 && memcmp(frame + MARK_AT, MARK, 4) == 0;
}

static void count_frame(const uint8_t *frame, size_t length, void *context) {
  (void)context;
  if (!is_ours(frame, length)) return;
  atomic_fetch_add_explicit(&received, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&received_bytes, length, memory_order_relaxed);
}

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void *receive_frames(void *context) {
  struct frame_port *port = context;
  struct pollfd ready = {.fd = port->fd, .events = POLLIN};
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    if (port_receive(port, count_frame, NULL) == 0 && poll(&ready, 1, 50) < 0 && errno != EINTR) fail("poll", port->name);
  }
  return NULL;
}

/* Lost frames never come: after a pause the window is opened again. Returns how many were given up. */
static uint64_t send_frames(const uint8_t *frame, size_t length, uint64_t deadline, uint64_t lost) {
  uint64_t progress_ns = now_ns(), seen = 0;
  for (uint64_t now = now_ns(); now < deadline; now = now_ns()) {
    uint64_t have = atomic_load_explicit(&received, memory_order_relaxed);
    uint64_t under_way = atomic_load_explicit(&sent, memory_order_relaxed) - lost - have;
    if (have != seen) seen = have, progress_ns = now;
    if (under_way >= (uint64_t)options.window) {
      if (now - progress_ns > STALL_NS) lost += under_way, progress_ns = now;
      else sched_yield();
      continue;
    }
    int room = options.window - (int)under_way;
    int taken = port_send(&ends[0].port, frame, length, room < PORT_BATCH ? room : PORT_BATCH);
    atomic_fetch_add_explicit(&sent, (unsigned long)taken, memory_order_relaxed);
  }
  return lost;
}

/* Sends until forwarders are warm, and at least one frame has come; returns how many were given up. */
static uint64_t warm_up(const uint8_t *frame) {
  uint64_t start = now_ns(), lost = send_frames(frame, options.bytes, start + (uint64_t)(options.warm * 1e9), 0);
  while (atomic_load(&received) == 0 && now_ns() - start < FIRST_NS)
    lost = send_frames(frame, options.bytes, now_ns() + 2 * (uint64_t)STALL_NS, lost);
  return lost;
}

static void measure_rate(const uint8_t *frame) {
  pthread_t receiver;
  if (pthread_create(&receiver, NULL, receive_frames, &ends[1].port) != 0) fail("pthread_create", "");
  uint64_t lost_before = warm_up(frame);
  uint64_t frames_before = atomic_load(&received), bytes_before = atomic_load(&received_bytes);
  uint64_t start = now_ns();
  uint64_t lost = send_frames(frame, options.bytes, start + (uint64_t)(options.seconds * 1e9), lost_before) - lost_before;
  double seconds = (double)(now_ns() - start) / 1e9;
  uint64_t frames = atomic_load(&received) - frames_before, bytes = atomic_load(&received_bytes) - bytes_before;
  atomic_store(&stop, true);
  pthread_join(receiver, NULL);
  printf("{\"mode\":\"rate\",\"bytes\":%zu,\"frames\":%lu,", options.bytes, frames);
  printf("\"framesPerSecond\":%.0f,", (double)frames / seconds);
  printf("\"gbitPerSecond\":%.3f,\"lost\":%lu}\n", (double)bytes * 8 / seconds / 1e9, lost);
}

static uint64_t cpu_ns(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* Sends a batch, each frame from the next port; of UDP without a checksum nothing else changes. */
static int send_fresh(uint8_t *frame, unsigned *next_port) {
  int taken = 0;
  while (taken < PORT_BATCH && *next_port < AFTER_PORTS) {
    put16(frame + SOURCE_PORT_AT, *next_port);
    if (port_send(&ends[0].port, frame, options.bytes, 1) == 0) break;
    taken++, ++*next_port;
  }
  return taken;
}

static void measure_one_core(uint8_t *frame) {
  pin(0);
  uint64_t cpu_start = cpu_ns();
  uint64_t start = now_ns(), deadline = start + (uint64_t)(options.seconds * 1e9), lost = 0;
  unsigned next_port = FIRST_PORT;
  while (now_ns() < deadline && next_port < AFTER_PORTS) {
    uint64_t before = atomic_load(&received), batch_start = now_ns();
    int taken =
        options.fresh ? send_fresh(frame, &next_port) : port_send(&ends[0].port, frame, options.bytes, PORT_BATCH);
    while (atomic_load(&received) - before < (uint64_t)taken) {
      if (port_receive(&ends[1].port, count_frame, NULL) == 0 && now_ns() - batch_start > STALL_NS) {
        lost += (uint64_t)taken - (atomic_load(&received) - before);
        break;
      }
    }
  }
  double ns = (double)(now_ns() - start), cpu = (double)(cpu_ns() - cpu_start);
  uint64_t frames = atomic_load(&received);
  printf("{\"mode\":\"one-core\",\"bytes\":%zu,\"frames\":%lu,\"nsPerFrame\":%.1f,\"cpuNsPerFrame\":%.1f,\"lost\":%lu}\n",
         options.bytes, frames, frames == 0 ? 0 : ns / (double)frames, frames == 0 ? 0 : cpu / (double)frames, lost);
}

static bool wait_for_frame(struct frame_port *port) {
  uint64_t before = atomic_load(&received), start = now_ns();
  struct pollfd ready = {.fd = port->fd, .events = POLLIN};
  while (atomic_load(&received) == before) {
    if (port_receive(port, count_frame, NULL) > 0) continue;
    if (!options.busy) poll(&ready, 1, 100);
    if (now_ns() - start > STALL_NS) return false;
  }
  return true;
}

static void *echo_frames(void *context) {
  uint8_t *back = context;
  while (!atomic_load(&stop)) {
    struct pollfd ready = {.fd = ends[1].port.fd, .events = POLLIN};
    if (port_receive(&ends[1].port, count_frame, NULL) > 0) port_send(&ends[1].port, back, options.bytes, 1);
    else if (!options.busy) poll(&ready, 1, 20);
  }
  return NULL;
}

static void measure_trip(const uint8_t *frame, uint8_t *back) {
  struct samples trip_ns = {0};
  uint64_t first = 0, deadline = now_ns() + FIRST_NS, lost = 0;
  pthread_t echo = 0;
  if (!options.busy && pthread_create(&echo, NULL, echo_frames, back) != 0) fail("pthread_create", "");
  while (now_ns() < deadline) {
    uint64_t start = now_ns(), before = atomic_load(&received);
    if (port_send(&ends[0].port, frame, options.bytes, 1) == 0) continue;
    bool came = true;
    if (options.busy) came = wait_for_frame(&ends[1].port) && port_send(&ends[1].port, back, options.bytes, 1) == 1;
    if (came) came = wait_for_frame(&ends[0].port);
    if (first == 0 && came) {
      first = now_ns() + (uint64_t)(options.warm * 1e9);
      deadline = first + (uint64_t)(options.seconds * 1e9);
    }
    if (first == 0 || start < first) continue;
    if (came && atomic_load(&received) > before) sample(&trip_ns, now_ns() - start);
    else lost++;
  }
  atomic_store(&stop, true);
  if (echo != 0) pthread_join(echo, NULL);
  printf("{\"mode\":\"trip\",\"busy\":%s,\"trips\":%lu,\"lost\":%lu,\"p50Us\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f}\n",
         options.busy ? "true" : "false", trip_ns.seen, lost, percentile_us(&trip_ns, 50), percentile_us(&trip_ns, 99),
         percentile_us(&trip_ns, 99.9));
}

static void usage(void) {
  fputs("Usage: forward-load --a PORT,MAC,ADDRESS,NEXT-HOP-MAC --b … [options]\n"
        "  PORT is tap:NAME, vnet:NAME, dgram:LOCAL+REMOTE or stream:PATH\n"
        "  --mode rate|one-core|trip   --busy (trip: never sleep)   --bytes N (64)   --seconds S (2)   --window N (256)\n"
        "  --warm S         the same for so long before (rate and trip)\n"
        "  --fresh          each frame from another port (one-core, up to 1,514 bytes)\n"
        "  --back ADDRESS   where B finds A, if not at its own address (behind NAT)\n"
        "  --hook PROGRAM   run as PROGRAM IFNAME for each TAP once it exists\n"
        "  --wait           print \"ready\" and wait for a line on standard input before it starts\n",
        stderr);
  exit(2);
}

/* `PORT,MAC,ADDRESS,NEXT-HOP`; in a dgram port the two paths are joined by `+`. */
static void parse_end(struct end *end, char *text) {
  char *port = strtok(text, ","), *mac = strtok(NULL, ","), *address = strtok(NULL, ","), *hop = strtok(NULL, ",");
  if (hop == NULL || inet_pton(AF_INET, address, &end->address) != 1) usage();
  uint8_t *m = end->mac, *h = end->next_hop;
  if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6) usage();
  if (sscanf(hop, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", h, h + 1, h + 2, h + 3, h + 4, h + 5) != 6) usage();
  for (char *plus = port; (plus = strchr(plus, '+')) != NULL;) *plus = ',';
  end->where = port;
}

static void open_end(struct end *end) {
  port_open(&end->port, end->where);
  if (options.hook == NULL || end->port.kind != PORT_TAP) return;
  pid_t child = fork();
  if (child == 0) {
    execl(options.hook, options.hook, strchr(end->where, ':') + 1, (char *)NULL);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) fail("hook", options.hook);
}

int main(int argc, char **argv) {
  program_name = "forward-load";
  static const struct option names[] = {{"a", 1, 0, 'a'},      {"b", 1, 0, 'b'},    {"mode", 1, 0, 'm'},
                                        {"bytes", 1, 0, 'n'},  {"busy", 0, 0, 'y'}, {"seconds", 1, 0, 's'},
                                        {"warm", 1, 0, 'z'},   {"hook", 1, 0, 'h'}, {"window", 1, 0, 'w'},
                                        {"back", 1, 0, 'B'},   {"wait", 0, 0, 'W'}, {"fresh", 0, 0, 'f'},
                                        {0}};
  bool wait = false;
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 'a': parse_end(&ends[0], optarg); break;
      case 'b': parse_end(&ends[1], optarg); break;
      case 'm': options.mode = optarg; break;
      case 'n': options.bytes = (size_t)atol(optarg); break;
      case 'y': options.busy = true; break;
      case 's': options.seconds = atof(optarg); break;
      case 'z': options.warm = atof(optarg); break;
      case 'w': options.window = atoi(optarg); break;
      case 'h': options.hook = optarg; break;
      case 'B': options.back = optarg; break;
      case 'W': wait = true; break;
      case 'f': options.fresh = true; break;
      default: usage();
    }
  }
  if (ends[0].where == NULL || ends[1].where == NULL || options.bytes < MARK_AT + 4 || options.bytes > FRAME_MOST) usage();
  open_end(&ends[0]);
  open_end(&ends[1]);
  if (wait) {
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF) return 0;
  }
  uint8_t *frame = malloc(FRAME_MOST), *back = malloc(FRAME_MOST);
  if (frame == NULL || back == NULL) fail("malloc", "frames");
  compose(frame, options.bytes, &ends[0], &ends[1], false);
  struct end seen = ends[0];
  if (options.back != NULL && inet_pton(AF_INET, options.back, &seen.address) != 1) usage();
  compose(back, options.bytes, &ends[1], &seen, true);
  if (strcmp(options.mode, "rate") == 0) measure_rate(frame);
  else if (strcmp(options.mode, "one-core") == 0) measure_one_core(frame);
  else if (strcmp(options.mode, "trip") == 0) measure_trip(frame, back);
  else usage();
  return atomic_load(&received) > 0 ? 0 : 1;
}
