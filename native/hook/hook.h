#ifndef TAPNET_HOOK_H
#define TAPNET_HOOK_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes; qemu-ifup(8) lists them. */
enum hook_exit {
  HOOK_DONE = 0,
  HOOK_FAILED = 1,   /* the daemon tried and could not */
  HOOK_USAGE = 2,    /* the arguments make no sense */
  HOOK_ABSENT = 3,   /* nobody answers at the socket */
  HOOK_REFUSED = 4,  /* the caller may not do this */
  HOOK_TOO_SLOW = 5, /* no answer in time */
  HOOK_PROTOCOL = 6, /* an answer that makes no sense, or none */
};

/* Connecting, asking and being answered, all together. */
#ifndef HOOK_TIMEOUT_MS
#define HOOK_TIMEOUT_MS 5000
#endif

/* Left for the answer of a daemon that was not there at first, and how often it is looked for. */
#define HOOK_ANSWER_MS (HOOK_TIMEOUT_MS / 5)
#define HOOK_RETRY_MS 20

enum {
  HOOK_REQUEST_BYTES = 1024,
  HOOK_REPLY_BYTES = 1024,
  /* IFNAMSIZ of linux/if.h without its last zero. */
  HOOK_IFNAME_CHARACTERS = 15,
};

/* One question to the daemon. */
struct hook {
  const char* program; /* what messages begin with: the name that the program was called by */
  const char* run;     /* folder of the daemon's sockets */
  bool waits;          /* for a daemon that is just being started again */
  char own_run[108];   /* where `run` is, if it had to be put together; as long as a socket's path may be */
  char request[HOOK_REQUEST_BYTES];
  size_t request_bytes;
  bool request_overflow;
  int passed_fd; /* the descriptor that came with the answer, or -1; the caller's to close */
};

/* Begins a question. `run` is NULL for $TAPNET_RUN or the default. The hook is not to be moved after that. */
void hook_begin(struct hook* hook, const char* program, const char* run, const char* verb);

/* Adds ` key=value` to the question, the value percent-encoded. */
void hook_add(struct hook* hook, const char* key, const char* value);

/*
 * Asks the daemon and waits for its answer. Every failure has been explained on stderr when this returns; `subject` is what
 * the question is about, for those messages.
 */
enum hook_exit hook_ask(struct hook* hook, const char* subject);

/* The program's own name, without folders. */
const char* hook_program(const char* argv0, const char* otherwise);

/* The value behind `option` where `argument` is `option=value`, else NULL. */
const char* hook_option(const char* argument, const char* option);

/* The whole of qemu-ifup and qemu-ifdown, which differ in one word. */
int hook_interface_main(int argc, char** argv, const char* program, const char* verb);

#endif
