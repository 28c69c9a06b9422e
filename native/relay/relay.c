/*
 * Theory of operation
 *
 * A daemon without root has its guests in a namespace that no packet enters from outside. What listens on the host for them is
 * this program. It is two processes: the *opener* stays in the host's namespace and makes sockets there; the *relay* is in the guests',
 * takes connections from the opener's sockets, which stay the host's, and reaches guests by its own. So nothing is copied twice,
 * and pasta, which cannot be told of ports while it runs, is left alone.
 *
 * It knows no names and no leases: the daemon says which port leads to which address (control.c), and says it again when that
 * changes or when it has been started anew. Nobody notices the daemon's end: ports and connections stay.
 *
 * The relay gives up all rights over the namespace as soon as it is in. Each process ends with the other.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char* program = "tapnet-relay";

static int fail(const char* what, const char* which) {
  fprintf(stderr, "%s: %s %s: %s\n", program, what, which, strerror(errno));
  return 1;
}

static bool enter(const char* pid, const char* kind, int type) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, kind);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  bool entered = fd >= 0 && setns(fd, type) == 0;
  int error = errno;
  if (fd >= 0)
    close(fd);
  errno = error;
  return entered;
}

/* Sockets need none, and a guest that finds a mistake here gains none. */
static bool give_up_rights(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0;
}

static void raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static void opener_gone(struct watch* watch, uint32_t events) {
  (void)watch;
  (void)events;
  exit(0);
}

static int relay_main(const char* pid, int control_fd) {
  if (!enter(pid, "user", CLONE_NEWUSER) || !enter(pid, "net", CLONE_NEWNET))
    return fail("cannot enter the namespace of process", pid);
  /* What it is told to do when its parent dies is forgotten with a change of rights: the socket tells it as well. */
  if (!give_up_rights())
    return fail("cannot give up", "its rights");
  raise_descriptors();
  loop_open();
  tcp_open();
  control_listen(control_fd);
  static struct watch gone;
  gone = (struct watch){.fd = dup(opener_fd), .ready = opener_gone};
  if (gone.fd < 0 || !loop_watch(&gone, EPOLLRDHUP))
    return fail("cannot watch", "the opener");
  loop_run();
  return 0;
}

static int listen_at(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  umask(0177);
  if (fd >= 0 && bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, 8) == 0)
    return fd;
  return -1;
}

static bool write_pid(const char* path) {
  FILE* file = fopen(path, "we");
  if (file == NULL)
    return false;
  bool good = fprintf(file, "%d\n", (int)getpid()) > 0;
  return fclose(file) == 0 && good;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr,
      "Usage: %s SOCKET PIDFILE PID\n"
      "Started by tapnetd --rootless: leads ports of this host to guests in the namespace of process PID.\n",
      program);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  signal(SIGPIPE, SIG_IGN);
  raise_descriptors();
  int pair[2];
  int control_fd = listen_at(argv[1]);
  if (control_fd < 0)
    return fail("cannot listen at", argv[1]);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return fail("cannot make", "a pair of sockets");
  pid_t child = fork();
  if (child < 0)
    return fail("cannot make", "a second process");
  if (child == 0) {
    close(pair[0]);
    opener_fd = pair[1];
    return relay_main(argv[3], control_fd);
  }
  close(pair[1]);
  close(control_fd);
  if (!write_pid(argv[2])) {
    int status = fail("cannot write", argv[2]);
    kill(child, SIGKILL);
    return status;
  }
  opener_serve(pair[0]);
  close(pair[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
