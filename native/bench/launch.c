/*
 * launch: does to a network script what QEMU does, and times it: `launch PROGRAM`, then one TAP's name a line on stdin.
 *
 * For each name it makes the TAP, keeps its descriptor as QEMU does, runs `PROGRAM NAME` to its end, and prints
 * `NAME NANOSECONDS STATUS`. The time is from before the spawn until the program's end has been waited for, nothing else is in
 * it: posix_spawn of so small a parent costs some 0.2 ms, where Node's would cost more than what is measured. At the end of
 * its input it ends; its TAPs go with it.
 */
#include "load.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void make_tap(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("open", "/dev/net/tun");
  memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF", name);
}

/* The program's exit status; *ns gets how long it took from start to end. */
static int run(const char *program, char *name, uint64_t *ns) {
  char *arguments[] = {(char *)program, name, NULL};
  pid_t child;
  int status;
  uint64_t start = now_ns();
  errno = posix_spawn(&child, program, NULL, NULL, arguments, environ);
  if (errno != 0) fail("spawn", program);
  if (waitpid(child, &status, 0) != child) fail("waitpid", program);
  *ns = now_ns() - start;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  program_name = argv[0];
  if (argc != 2) {
    fprintf(stderr, "Usage: %s PROGRAM <NAMES\n", argv[0]);
    return 2;
  }
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  char name[IFNAMSIZ];
  while (scanf("%15s", name) == 1) {
    uint64_t ns = 0;
    make_tap(name);
    int status = run(argv[1], name, &ns);
    printf("%s %llu %d\n", name, (unsigned long long)ns, status);
    fflush(stdout);
  }
  return 0;
}
