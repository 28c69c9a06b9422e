/*
 * What hooks call of the C library, and no more: as POSIX and ISO C say, but for what is said below. See start.c for why.
 * Only for 64-bit Linux, where the structures of the C library's headers are the kernel's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

/* ---- system calls ---- */

static int last_errno;

int* __errno_location(void) {
  return &last_errno;
}

static long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  const long result = x0;
#endif
  if (result >= 0 || result < -4095)
    return result;
  last_errno = (int)-result;
  return -1;
}

void exit(int status) {
  for (;;)
    call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

int close(int fd) {
  return (int)call(SYS_close, fd, 0, 0, 0, 0, 0);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  return call(SYS_write, fd, (long)bytes, (long)count, 0, 0, 0);
}

uid_t getuid(void) {
  return (uid_t)call(SYS_getuid, 0, 0, 0, 0, 0, 0);
}

int lstat(const char* path, struct stat* found) {
  return (int)call(SYS_newfstatat, AT_FDCWD, (long)path, (long)found, AT_SYMLINK_NOFOLLOW, 0, 0);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  return (int)call(SYS_clock_gettime, clock, (long)time, 0, 0, 0, 0);
}

int poll(struct pollfd* fds, nfds_t count, int timeout_ms) {
  struct timespec timeout = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
  return (int)call(SYS_ppoll, (long)fds, (long)count, timeout_ms < 0 ? 0 : (long)&timeout, 0, 0, 0);
}

int socket(int domain, int type, int protocol) {
  return (int)call(SYS_socket, domain, type, protocol, 0, 0, 0);
}

int connect(int fd, const struct sockaddr* address, socklen_t bytes) {
  return (int)call(SYS_connect, fd, (long)address, bytes, 0, 0, 0);
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t bytes) {
  return (int)call(SYS_setsockopt, fd, level, name, (long)value, bytes, 0);
}

int getsockopt(int fd, int level, int name, void* restrict value, socklen_t* restrict bytes) {
  return (int)call(SYS_getsockopt, fd, level, name, (long)value, (long)bytes, 0);
}

ssize_t send(int fd, const void* bytes, size_t count, int flags) {
  return call(SYS_sendto, fd, (long)bytes, (long)count, flags, 0, 0);
}

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  return call(SYS_sendmsg, fd, (long)message, flags, 0, 0, 0);
}

ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  return call(SYS_recvmsg, fd, (long)message, flags, 0, 0, 0);
}

/* What CMSG_NXTHDR is in glibc; elsewhere it is a macro whole. */
struct cmsghdr* __cmsg_nxthdr(struct msghdr* message, struct cmsghdr* control) {
  const size_t whole = CMSG_ALIGN(control->cmsg_len);
  const unsigned char* end = (const unsigned char*)message->msg_control + message->msg_controllen;
  const size_t left = (size_t)(end - (const unsigned char*)control);
  if (control->cmsg_len < sizeof *control || left < whole + sizeof *control)
    return NULL;
  return (struct cmsghdr*)((unsigned char*)control + whole);
}

/* ---- memory and strings ---- */

/* In a loop's body: else the compiler sees what the loop does and calls the function that it is in. */
#define STAYS_A_LOOP __asm__ volatile("")

void* memcpy(void* restrict to, const void* restrict from, size_t count) {
  unsigned char* out = to;
  for (const unsigned char* in = from; count > 0; count--) {
    STAYS_A_LOOP;
    *out++ = *in++;
  }
  return to;
}

void* memset(void* to, int byte, size_t count) {
  for (unsigned char* out = to; count > 0; count--) {
    STAYS_A_LOOP;
    *out++ = (unsigned char)byte;
  }
  return to;
}

size_t strlen(const char* text) {
  size_t length = 0;
  for (; text[length] != '\0'; length++)
    STAYS_A_LOOP;
  return length;
}

int strncmp(const char* one, const char* other, size_t most) {
  for (; most > 0; one++, other++, most--) {
    if (*one != *other)
      return (unsigned char)*one - (unsigned char)*other;
    if (*one == '\0')
      break;
  }
  return 0;
}

int strcmp(const char* one, const char* other) {
  return strncmp(one, other, (size_t)-1);
}

char* strchr(const char* text, int byte) {
  for (;; text++) {
    if (*text == (char)byte)
      return (char*)text;
    if (*text == '\0')
      return NULL;
  }
}

char* strrchr(const char* text, int byte) {
  char* last = NULL;
  for (;; text++) {
    if (*text == (char)byte)
      last = (char*)text;
    if (*text == '\0')
      return last;
  }
}

char* getenv(const char* name) {
  const size_t length = strlen(name);
  for (char** entry = environ; *entry != NULL; entry++)
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
      return *entry + length + 1;
  return NULL;
}

/* What can go wrong between a hook and the daemon; others as a number. */
char* strerror(int number) {
  switch (number) {
    case EACCES: return "Permission denied";
    case EADDRNOTAVAIL: return "Cannot assign requested address";
    case EAFNOSUPPORT: return "Address family not supported by protocol";
    case EAGAIN: return "Resource temporarily unavailable";
    case EBADF: return "Bad file descriptor";
    case ECONNREFUSED: return "Connection refused";
    case ECONNRESET: return "Connection reset by peer";
    case EINVAL: return "Invalid argument";
    case ELOOP: return "Too many levels of symbolic links";
    case EMFILE: return "Too many open files";
    case ENAMETOOLONG: return "File name too long";
    case ENFILE: return "Too many open files in system";
    case ENOBUFS: return "No buffer space available";
    case ENOENT: return "No such file or directory";
    case ENOMEM: return "Cannot allocate memory";
    case ENOTCONN: return "Transport endpoint is not connected";
    case ENOTDIR: return "Not a directory";
    case ENOTSOCK: return "Socket operation on non-socket";
    case EPERM: return "Operation not permitted";
    case EPIPE: return "Broken pipe";
    case EPROTOTYPE: return "Protocol wrong type for socket";
    case ETIMEDOUT: return "Connection timed out";
    case ETOOMANYREFS: return "Too many references: cannot splice";
    default: break;
  }
  static char text[] = "error of the kernel, errno 0000";
  char* digit = text + sizeof text - 1;
  for (int place = 0; place < 4; place++, number /= 10)
    *--digit = (char)('0' + number % 10);
  return text;
}

/* ---- text ---- */

/* Where formatted text goes: into `text` as far as it has room, and counted. */
struct sink {
  char* text;
  size_t room;
  size_t count;
};

static void put(struct sink* sink, char byte) {
  if (sink->count < sink->room)
    sink->text[sink->count] = byte;
  sink->count++;
}

static void put_number(struct sink* sink, unsigned value, unsigned base, unsigned least) {
  char digits[10];
  unsigned count = 0;
  do
    digits[count++] = "0123456789ABCDEF"[value % base];
  while ((value /= base) > 0);
  for (; count < least && count < sizeof digits; count++)
    digits[count] = '0';
  while (count > 0)
    put(sink, digits[--count]);
}

/* %s, %d, %u, %02X and %%; hooks use no others. */
static void format(struct sink* sink, const char* at, va_list values) {
  for (; *at != '\0'; at++) {
    if (*at != '%') {
      put(sink, *at);
      continue;
    }
    at++;
    if (*at == 's') {
      for (const char* text = va_arg(values, const char*); *text != '\0'; text++)
        put(sink, *text);
    } else if (*at == 'd') {
      const int value = va_arg(values, int);
      if (value < 0)
        put(sink, '-');
      put_number(sink, value < 0 ? 0u - (unsigned)value : (unsigned)value, 10, 1);
    } else if (*at == 'u') {
      put_number(sink, va_arg(values, unsigned), 10, 1);
    } else if (strncmp(at, "02X", 3) == 0) {
      put_number(sink, va_arg(values, unsigned), 16, 2);
      at += 2;
    } else {
      put(sink, '%');
    }
  }
}

int snprintf(char* restrict text, size_t bytes, const char* restrict pattern, ...) {
  struct sink sink = {.text = text, .room = bytes > 0 ? bytes - 1 : 0};
  va_list values;
  va_start(values, pattern);
  format(&sink, pattern, values);
  va_end(values);
  if (bytes > 0)
    text[sink.count < sink.room ? sink.count : sink.room] = '\0';
  return (int)sink.count;
}

int dprintf(int fd, const char* restrict pattern, ...) {
  char line[4096];
  struct sink sink = {.text = line, .room = sizeof line};
  va_list values;
  va_start(values, pattern);
  format(&sink, pattern, values);
  va_end(values);
  size_t left = sink.count < sink.room ? sink.count : sink.room;
  for (const char* at = line; left > 0;) {
    const ssize_t written = write(fd, at, left);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return -1;
    at += written;
    left -= (size_t)written;
  }
  return (int)sink.count;
}
