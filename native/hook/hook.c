/*
 * Theory of operation
 *
 * One datagram goes to the daemon over a SOCK_SEQPACKET unix socket, one comes back, perhaps with a descriptor:
 *
 *     tapnet/1 ifup ifname=tn-web1        ->   ok web1 in default
 *     tapnet/1 helper bridge=lan vnet=1   ->   error NOT_ALLOWED access: does not name you for lan
 *
 * A datagram socket with connections keeps whole messages without framing, tells when the other side is gone, and lets the
 * daemon see who asks (SO_PEERCRED). One deadline covers everything: connecting may wait (the backlog is full), so may the
 * answer. Nothing is allocated: QEMU is waiting, and a guest that starts without its network is worse than one that says why
 * it does not start.
 *
 * A daemon that is upgraded, or started again after a crash, listens to nobody for a second or two. Its folder is there
 * meanwhile, and guests that start just then should not fail: so whoever begins something waits for it, a second less than for
 * the answer. Who ends something does not; what is left then the daemon finds when it starts.
 */
#define _GNU_SOURCE
#include "hook.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char DEFAULT_RUN[] = "/run/tapnet";
static const char SOCKET_NAME[] = "hook.sock";

/* Whether a user's own daemon has a folder, which `text` then names; `listening`: with a socket in it. */
static bool find_own_run(char* text, size_t bytes, bool listening) {
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  const unsigned uid = (unsigned)getuid();
  struct stat found;
  char socket_path[sizeof((struct sockaddr_un*)0)->sun_path];
  for (int place = runtime != NULL && runtime[0] == '/' ? 0 : 1; place < 3; place++) {
    int length = place == 0   ? snprintf(text, bytes, "%s/tapnet", runtime)
                 : place == 1 ? snprintf(text, bytes, "/run/user/%u/tapnet", uid)
                              : snprintf(text, bytes, "/tmp/tapnet-%u", uid);
    /* In /tmp anybody may have made it. */
    if (length < 0 || (size_t)length >= bytes || lstat(text, &found) != 0 || !S_ISDIR(found.st_mode) || found.st_uid != uid)
      continue;
    length = snprintf(socket_path, sizeof socket_path, "%s/%s", text, SOCKET_NAME);
    if (!listening || (length > 0 && (size_t)length < sizeof socket_path && lstat(socket_path, &found) == 0))
      return true;
  }
  return false;
}

/* Where a daemon's sockets are when nobody says. Answers with `text` where a folder had to be put together, which has room for it. */
static const char* default_run(char* text, size_t bytes) {
  struct stat found;
  char socket_path[sizeof((struct sockaddr_un*)0)->sun_path];
  /* For root the machine's own daemon comes first, for all others their own (src/control/paths.ts). */
  snprintf(socket_path, sizeof socket_path, "%s/%s", DEFAULT_RUN, SOCKET_NAME);
  if (getuid() == 0 && lstat(socket_path, &found) == 0)
    return DEFAULT_RUN;
  if (find_own_run(text, bytes, true))
    return text;
  /* Nobody listens. Where only a user's own daemon has ever been, it is that one which may come. */
  return lstat(DEFAULT_RUN, &found) != 0 && find_own_run(text, bytes, false) ? text : DEFAULT_RUN;
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void append(struct hook* hook, const char* bytes, size_t count) {
  if (count > sizeof hook->request - hook->request_bytes) {
    hook->request_overflow = true;
    return;
  }
  memcpy(hook->request + hook->request_bytes, bytes, count);
  hook->request_bytes += count;
}

void hook_begin(struct hook* hook, const char* program, const char* run, const char* verb) {
  const char* from_environment = getenv("TAPNET_RUN");
  if (run == NULL && from_environment != NULL && from_environment[0] != '\0')
    run = from_environment;
  *hook = (struct hook){.program = program, .waits = strcmp(verb, "ifdown") != 0, .passed_fd = -1};
  hook->run = run != NULL ? run : default_run(hook->own_run, sizeof hook->own_run);
  append(hook, "tapnet/1 ", 9);
  append(hook, verb, strlen(verb));
}

static bool is_plain(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         (byte != '\0' && strchr("-._", byte) != NULL);
}

void hook_add(struct hook* hook, const char* key, const char* value) {
  append(hook, " ", 1);
  append(hook, key, strlen(key));
  append(hook, "=", 1);
  for (; *value != '\0'; value++) {
    unsigned char byte = (unsigned char)*value;
    char encoded[4] = {(char)byte};
    if (!is_plain(byte))
      snprintf(encoded, sizeof encoded, "%%%02X", byte);
    append(hook, encoded, strlen(encoded));
  }
}

const char* hook_program(const char* argv0, const char* otherwise) {
  if (argv0 == NULL || argv0[0] == '\0')
    return otherwise;
  const char* slash = strrchr(argv0, '/');
  return slash == NULL ? argv0 : slash + 1;
}

const char* hook_option(const char* argument, const char* option) {
  size_t length = strlen(option);
  if (strncmp(argument, option, length) != 0 || argument[length] != '=')
    return NULL;
  return argument + length + 1;
}

static enum hook_exit too_slow(const struct hook* hook, const struct sockaddr_un* address) {
  dprintf(STDERR_FILENO, "%s: tapnetd at %s did not answer within %d s; what it is busy with: journalctl -u tapnetd\n", hook->program,
    address->sun_path, HOOK_TIMEOUT_MS / 1000);
  return HOOK_TOO_SLOW;
}

static enum hook_exit bad_reply(const struct hook* hook, const struct sockaddr_un* address, const char* reason) {
  dprintf(STDERR_FILENO, "%s: tapnetd at %s %s; are the daemon and this program of one version? (tapnet version)\n", hook->program,
    address->sun_path, reason);
  return HOOK_PROTOCOL;
}

static enum hook_exit unreachable(const struct hook* hook, const struct sockaddr_un* address, int error) {
  if (error == EACCES || error == EPERM) {
    dprintf(STDERR_FILENO, "%s: may not open %s: %s; tapnetd serves other users only through qemu-helper\n", hook->program,
      address->sun_path, strerror(error));
    return HOOK_REFUSED;
  }
  dprintf(STDERR_FILENO, "%s: cannot reach tapnetd at %s: %s; is it running? (systemctl start tapnetd)\n", hook->program,
    address->sun_path, strerror(error));
  return HOOK_ABSENT;
}

/* The time that is left, as a socket's own limit: a connect to a full backlog sleeps in the kernel. */
static void limit_socket(int fd, long long deadline_ms) {
  long long left_ms = deadline_ms - now_ms();
  if (left_ms < 1)
    left_ms = 1;
  struct timeval limit = {.tv_sec = left_ms / 1000, .tv_usec = left_ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* Whether a daemon that does not listen may be one that is just being started again. */
static bool may_come(const struct hook* hook) {
  struct stat found;
  return hook->waits && lstat(hook->run, &found) == 0;
}

/* 0, or the errno. */
static int connect_within(const struct hook* hook, int fd, const struct sockaddr_un* address, long long deadline_ms) {
  for (;;) {
    limit_socket(fd, deadline_ms);
    if (connect(fd, (const struct sockaddr*)address, sizeof *address) == 0)
      return 0;
    if (errno == EINTR)
      continue;
    int error = errno;
    bool absent = error == ENOENT || error == ECONNREFUSED;
    if (!absent || now_ms() > deadline_ms - HOOK_ANSWER_MS || !may_come(hook))
      return error;
    poll(NULL, 0, HOOK_RETRY_MS);
  }
}

static enum hook_exit connect_and_send(const struct hook* hook, int fd, const struct sockaddr_un* address,
                                       long long deadline_ms) {
  int error = connect_within(hook, fd, address, deadline_ms);
  if (error == EAGAIN)
    return too_slow(hook, address);
  if (error != 0)
    return unreachable(hook, address, error);
  ssize_t sent;
  do
    sent = send(fd, hook->request, hook->request_bytes, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
    return bad_reply(hook, address, "closed the connection without an answer");
  return sent < 0 ? too_slow(hook, address) : HOOK_DONE;
}

static void keep_descriptors(struct hook* hook, struct msghdr* message) {
  for (struct cmsghdr* control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
      continue;
    size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      int fd;
      memcpy(&fd, CMSG_DATA(control) + index * sizeof fd, sizeof fd);
      if (hook->passed_fd < 0)
        hook->passed_fd = fd;
      else
        close(fd);
    }
  }
}

/* Receives one datagram into `reply`, ended by a zero. */
static enum hook_exit receive(struct hook* hook, int fd, const struct sockaddr_un* address, long long deadline_ms, char* reply) {
  for (;;) {
    long long left_ms = deadline_ms - now_ms();
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready = poll(&waiting, 1, left_ms > 0 ? (int)left_ms : 0);
    if (ready > 0)
      break;
    if (ready == 0 || errno != EINTR)
      return too_slow(hook, address);
  }
  union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(4 * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = reply, .iov_len = HOOK_REPLY_BYTES};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (received <= 0)
    return bad_reply(hook, address, "closed the connection without an answer");
  keep_descriptors(hook, &message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return bad_reply(hook, address, "gave an answer that is too long");
  reply[received] = '\0';
  if (strlen(reply) != (size_t)received)
    return bad_reply(hook, address, "gave an answer with zero bytes in it");
  return HOOK_DONE;
}

/* What the daemon says goes to a terminal: control characters do not. */
static void print_failure(const struct hook* hook, const char* subject, char* text) {
  for (char* at = text; *at != '\0'; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7f)
      *at = '?';
  dprintf(STDERR_FILENO, "%s: %s: %s\n", hook->program, subject, text);
}

/* `ok …`, or `error CODE message`. */
static enum hook_exit judge(const struct hook* hook, const struct sockaddr_un* address, const char* subject, char* reply) {
  if (strcmp(reply, "ok") == 0 || strncmp(reply, "ok ", 3) == 0)
    return HOOK_DONE;
  char* code = reply + strlen("error ");
  char* space = strncmp(reply, "error ", strlen("error ")) == 0 ? strchr(code, ' ') : NULL;
  if (space == NULL || space == code || space[1] == '\0')
    return bad_reply(hook, address, "gave an answer that is not understood");
  *space = '\0';
  print_failure(hook, subject, space + 1);
  return strcmp(code, "NOT_ALLOWED") == 0 ? HOOK_REFUSED : HOOK_FAILED;
}

enum hook_exit hook_ask(struct hook* hook, const char* subject) {
  long long deadline_ms = now_ms() + HOOK_TIMEOUT_MS;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", hook->run, SOCKET_NAME);
  if (length < 0 || (size_t)length >= sizeof address.sun_path) {
    dprintf(STDERR_FILENO, "%s: the folder %s is too long for a socket's path\n", hook->program, hook->run);
    return HOOK_USAGE;
  }
  if (hook->request_overflow) {
    dprintf(STDERR_FILENO, "%s: the arguments are too long\n", hook->program);
    return HOOK_USAGE;
  }
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    dprintf(STDERR_FILENO, "%s: cannot make a unix socket: %s\n", hook->program, strerror(errno));
    return HOOK_FAILED;
  }
  char reply[HOOK_REPLY_BYTES + 1];
  enum hook_exit outcome = connect_and_send(hook, fd, &address, deadline_ms);
  if (outcome == HOOK_DONE)
    outcome = receive(hook, fd, &address, deadline_ms, reply);
  if (outcome == HOOK_DONE)
    outcome = judge(hook, &address, subject, reply);
  close(fd);
  return outcome;
}

static int interface_usage(const char* program, int fd) {
  dprintf(fd,
    "Usage: %s [--run=DIR] IFNAME\n"
    "Called by QEMU: -netdev tap,id=n0,ifname=tn-NAME,script=.../qemu-ifup,downscript=.../qemu-ifdown\n"
    "Asks tapnetd, whose socket is DIR/hook.sock (default $TAPNET_RUN, else your own daemon's or /run/tapnet).\n",
    program);
  return fd == STDOUT_FILENO ? HOOK_DONE : HOOK_USAGE;
}

int hook_interface_main(int argc, char** argv, const char* program, const char* verb) {
  program = hook_program(argc > 0 ? argv[0] : NULL, program);
  const char* run = NULL;
  const char* ifname = NULL;
  for (int index = 1; index < argc; index++) {
    const char* value = hook_option(argv[index], "--run");
    if (strcmp(argv[index], "--help") == 0)
      return interface_usage(program, STDOUT_FILENO);
    if (value != NULL)
      run = value;
    else if (ifname == NULL && argv[index][0] != '-')
      ifname = argv[index];
    else
      return interface_usage(program, STDERR_FILENO);
  }
  if (ifname == NULL || ifname[0] == '\0')
    return interface_usage(program, STDERR_FILENO);
  if (strlen(ifname) > HOOK_IFNAME_CHARACTERS) {
    dprintf(STDERR_FILENO, "%s: %s: an interface name has %d characters at most\n", program, ifname, HOOK_IFNAME_CHARACTERS);
    return HOOK_USAGE;
  }
  struct hook hook;
  hook_begin(&hook, program, run, verb);
  hook_add(&hook, "ifname", ifname);
  return hook_ask(&hook, ifname);
}
