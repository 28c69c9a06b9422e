/* Whatever a daemon, or somebody in its place, answers to a hook: one of the known outcomes, and no byte outside. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>

/* The fuzzer reports on descriptor 2 itself: the hook's messages are put together, which reads all of them, and go nowhere. */
static int discard(int fd, const char* pattern, ...) {
  char text[4096];
  va_list values;
  va_start(values, pattern);
  int length = vsnprintf(text, sizeof text, pattern, values);
  va_end(values);
  return fd < 0 ? -1 : length;
}

#define dprintf discard
#include "../hook/hook.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char* bytes, size_t length);

int LLVMFuzzerTestOneInput(const unsigned char* bytes, size_t length) {
  int pair[2];
  if (length == 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct hook hook;
  hook_begin(&hook, "fuzz", NULL, "ifup");
  char* reply = malloc(HOOK_REPLY_BYTES + 1);
  if (send(pair[1], bytes, length, MSG_DONTWAIT) == (ssize_t)length) {
    enum hook_exit outcome = receive(&hook, pair[0], &address, now_ms() + 1000, reply);
    if (outcome == HOOK_DONE)
      outcome = judge(&hook, &address, "tn-fuzz", reply);
    if (outcome > HOOK_PROTOCOL)
      abort();
  }
  free(reply);
  close(pair[0]);
  close(pair[1]);
  return 0;
}
