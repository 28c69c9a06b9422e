/*
 * dns-upstream: a DNS server that knows an address for every name, for benchmarks of those that ask it.
 *
 * Theory of operation. Questions are received and answered in batches: the question is sent back with one A record behind it, its
 * name a pointer to the question's. Names below `missing.` do not exist. Nothing is looked up, so what is measured in front of it
 * waits for itself. It serves ADDRESS, port 53, over UDP until it is ended, and says `serving` when it does.
 */
#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { BATCH = 64, MESSAGE_BYTES = 1232, HEADER_BYTES = 12, RECORD_BYTES = 16 };
enum { FLAG_RESPONSE = 0x80, FLAG_RECURSION_AVAILABLE = 0x80, RCODE_NXDOMAIN = 3 };

/* Length of the question that begins at `at`: name, type, class. 0 when the message ends before it does. */
static size_t question_bytes(const uint8_t *message, size_t length, bool *missing) {
  static const uint8_t last_label[] = "\7missing";
  size_t at = HEADER_BYTES;
  while (at < length && message[at] != 0) {
    if (message[at] > 63) return 0;
    *missing = at + 9 <= length && memcmp(message + at, last_label, 9) == 0;
    at += 1u + message[at];
  }
  return at + 5 <= length ? at + 5 - HEADER_BYTES : 0;
}

/* Turns the question into its answer, in place; returns the answer's length, 0 for what deserves none. RFC 1035 §4.1. */
static size_t answer(uint8_t *message, size_t length) {
  bool missing = false;
  if (length < HEADER_BYTES || (message[2] & FLAG_RESPONSE) != 0) return 0;
  size_t question = question_bytes(message, length, &missing);
  if (question == 0 || HEADER_BYTES + question + RECORD_BYTES > MESSAGE_BYTES) return 0;
  message[2] |= FLAG_RESPONSE;
  message[3] = (uint8_t)(FLAG_RECURSION_AVAILABLE | (missing ? RCODE_NXDOMAIN : 0));
  memset(message + 4, 0, 8);
  message[5] = 1;
  const uint8_t *type = message + HEADER_BYTES + question - 4;
  if (missing || type[0] != 0 || type[1] != 1) return HEADER_BYTES + question;
  message[7] = 1;
  static const uint8_t record[RECORD_BYTES] = {0xc0, HEADER_BYTES, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 198, 51, 100, 7};
  memcpy(message + HEADER_BYTES + question, record, RECORD_BYTES);
  return HEADER_BYTES + question + RECORD_BYTES;
}

static int open_socket(const char *address) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1) fail("address", address);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 4 << 20;
  if (fd < 0) fail("socket", address);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) fail("bind", address);
  return fd;
}

int main(int argc, char **argv) {
  program_name = "dns-upstream";
  if (argc != 2) {
    fputs("Usage: dns-upstream ADDRESS\n", stderr);
    return 2;
  }
  int fd = open_socket(argv[1]);
  puts("serving");
  fflush(stdout);
  static uint8_t messages[BATCH][MESSAGE_BYTES];
  struct sockaddr_in from[BATCH];
  struct mmsghdr batch[BATCH];
  struct iovec parts[BATCH];
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){messages[i], MESSAGE_BYTES};
      batch[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i]};
      batch[i].msg_hdr.msg_iov = &parts[i];
      batch[i].msg_hdr.msg_iovlen = 1;
    }
    int received = recvmmsg(fd, batch, BATCH, MSG_WAITFORONE, NULL), replies = 0;
    if (received < 0 && errno != EINTR && errno != ECONNREFUSED) fail("recvmmsg", argv[1]);
    for (int i = 0; i < received; i++) {
      size_t length = answer(messages[i], batch[i].msg_len);
      if (length == 0) continue;
      parts[i].iov_len = length;
      batch[replies++] = batch[i];
    }
    if (replies > 0 && sendmmsg(fd, batch, (unsigned)replies, 0) < 0 && errno != ECONNREFUSED) fail("sendmmsg", argv[1]);
  }
}
