/*
 * Sockets belong to the namespace that they were made in, whoever holds them. So one process stays in the host's, makes and binds
 * what the other asks for, and hands it over (SCM_RIGHTS). It does as the user may: nothing is checked here that the kernel
 * checks.
 */
#define _GNU_SOURCE
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct question {
  int type;
  union endpoint at;
};

int opener_fd = -1;

static const int ON = 1;
enum { BACKLOG = 512 };

static bool prepare(int fd, const struct question* question) {
  const int family = question->at.any.sa_family;
  if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ON, sizeof ON) != 0)
    return false;
  if (question->type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &ON, sizeof ON) != 0)
    return false;
  if (question->type == SOCK_DGRAM) {
    /* Which of the host's addresses was meant: answers have to come from there. */
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    int option = family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO;
    if (setsockopt(fd, level, option, &ON, sizeof ON) != 0)
      return false;
  }
  if (bind(fd, &question->at.any, endpoint_bytes(&question->at)) != 0)
    return false;
  return question->type != SOCK_STREAM || listen(fd, BACKLOG) == 0;
}

static int make(const struct question* question) {
  int fd = socket(question->at.any.sa_family, question->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || prepare(fd, question))
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static bool answer(int asks, int fd, int error) {
  union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = &error, .iov_len = sizeof error};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  return sendmsg(asks, &message, MSG_NOSIGNAL) == sizeof error;
}

void opener_serve(int asks) {
  for (;;) {
    struct question question;
    ssize_t received = recv(asks, &question, sizeof question, 0);
    if (received < 0 && errno == EINTR)
      continue;
    if (received != sizeof question)
      return;
    int fd = make(&question);
    bool went = answer(asks, fd, fd < 0 ? errno : 0);
    if (fd >= 0)
      close(fd);
    if (!went)
      return;
  }
}

int opener_open(int type, const union endpoint* at) {
  struct question question = {.type = type, .at = *at};
  if (send(opener_fd, &question, sizeof question, MSG_NOSIGNAL) != sizeof question)
    return -1;
  int error = EPIPE;
  union {
    struct cmsghdr alignment;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = &error, .iov_len = sizeof error};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t received;
  do
    received = recvmsg(opener_fd, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  struct cmsghdr* header = received == sizeof error ? CMSG_FIRSTHDR(&message) : NULL;
  if (header == NULL || header->cmsg_type != SCM_RIGHTS) {
    /* Said by the other, or it could open one more and we cannot hold it. */
    errno = received == sizeof error && error == 0 ? EMFILE : error;
    return -1;
  }
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}
