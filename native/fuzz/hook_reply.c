/* Whatever a daemon, or somebody in its place, answers to a hook: one of the known outcomes, and no byte outside. */
#include "../hook/hook.c"

#include <stdlib.h>

int LLVMFuzzerInitialize(int* count, char*** arguments);
int LLVMFuzzerTestOneInput(const unsigned char* bytes, size_t length);

static FILE* silent;

int LLVMFuzzerInitialize(int* count, char*** arguments) {
  (void)count;
  (void)arguments;
  /* The fuzzer reports on descriptor 2 itself; only the hook's messages go nowhere. */
  silent = fopen("/dev/null", "w");
  if (silent == NULL)
    abort();
  stderr = silent;
  return 0;
}

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
