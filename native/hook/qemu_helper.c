/*
 * helper= of QEMU's -netdev tap and -netdev bridge: takes a TAP from the daemon and hands its descriptor to QEMU, which need
 * not be root. QEMU calls it with --fd=N, --br=NAME and perhaps --use-vnet, in any order, and expects one byte with the
 * descriptor (SCM_RIGHTS) over the socket N and then exit code 0.
 */
#define _GNU_SOURCE
#include "hook.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct arguments {
  const char* run;
  const char* bridge;
  const char* guest;
  bool vnet;
  int fd;
};

static int usage(const char* program, int fd) {
  dprintf(fd,
    "Usage: %s --fd=N --br=NETWORK [--use-vnet] [--guest=NAME] [--run=DIR]\n"
    "Called by QEMU: -netdev tap,id=n0,helper=.../qemu-helper,br=NETWORK\n"
    "Asks tapnetd, whose socket is DIR/hook.sock (default $TAPNET_RUN, else your own daemon's or /run/tapnet).\n",
    program);
  return fd == STDOUT_FILENO ? HOOK_DONE : HOOK_USAGE;
}

/* A descriptor's number, or -1. */
static int parse_fd(const char* text) {
  int fd = 0;
  if (*text == '\0')
    return -1;
  for (; *text != '\0'; text++) {
    const int digit = *text - '0';
    if (digit < 0 || digit > 9 || fd > (INT_MAX - digit) / 10)
      return -1;
    fd = fd * 10 + digit;
  }
  return fd;
}

static bool parse(int argc, char** argv, struct arguments* arguments) {
  for (int index = 1; index < argc; index++) {
    const char* value;
    if (strcmp(argv[index], "--use-vnet") == 0)
      arguments->vnet = true;
    else if ((value = hook_option(argv[index], "--fd")) != NULL)
      arguments->fd = parse_fd(value);
    else if ((value = hook_option(argv[index], "--br")) != NULL)
      arguments->bridge = value;
    else if ((value = hook_option(argv[index], "--guest")) != NULL)
      arguments->guest = value;
    else if ((value = hook_option(argv[index], "--run")) != NULL)
      arguments->run = value;
    else
      return false;
  }
  return arguments->fd >= 0 && arguments->bridge != NULL && arguments->bridge[0] != '\0';
}

/* One byte with the descriptor. 0, or the errno. */
static int pass(int socket_fd, int fd) {
  char byte = 0;
  union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  ssize_t sent;
  do
    sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent == 1 ? 0 : errno;
}

int main(int argc, char** argv) {
  const char* program = hook_program(argc > 0 ? argv[0] : NULL, "qemu-helper");
  if (argc == 2 && strcmp(argv[1], "--help") == 0)
    return usage(program, STDOUT_FILENO);
  struct arguments arguments = {.fd = -1};
  if (!parse(argc, argv, &arguments))
    return usage(program, STDERR_FILENO);
  int type;
  socklen_t type_bytes = sizeof type;
  if (getsockopt(arguments.fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) < 0) {
    dprintf(STDERR_FILENO, "%s: --fd=%d is no socket: %s\n", program, arguments.fd, strerror(errno));
    return HOOK_USAGE;
  }
  struct hook hook;
  hook_begin(&hook, program, arguments.run, "helper");
  hook_add(&hook, "bridge", arguments.bridge);
  if (arguments.guest != NULL)
    hook_add(&hook, "guest", arguments.guest);
  hook_add(&hook, "vnet", arguments.vnet ? "1" : "0");
  enum hook_exit outcome = hook_ask(&hook, arguments.bridge);
  if (outcome != HOOK_DONE)
    return outcome;
  if (hook.passed_fd < 0) {
    dprintf(STDERR_FILENO, "%s: %s: tapnetd said ok, but its TAP did not come along\n", program, arguments.bridge);
    return HOOK_PROTOCOL;
  }
  int error = pass(arguments.fd, hook.passed_fd);
  if (error != 0) {
    dprintf(STDERR_FILENO, "%s: cannot hand the TAP to QEMU over descriptor %d: %s\n", program, arguments.fd, strerror(error));
    return HOOK_FAILED;
  }
  return HOOK_DONE;
}
