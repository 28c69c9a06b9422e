#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

// System calls on unix sockets. A path that begins with "@" names the abstract namespace (unix(7)).

constexpr size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;

struct PeerCredentials {
  // Of the process that called connect(2), or listen(2), at that time.
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

// A socket of the given type at a path of its own. `mode` is that of the file; the process's umask still applies.
SysError BindUnix(int type, const std::string& path, mode_t mode, UniqueFd& fd);

// Connects a socket that exists; for SOCK_DGRAM this sets whom it sends to and hears.
SysError ConnectSocket(int fd, const std::string& path);

// SOCK_SEQPACKET, listening. `mode` is that of the file; the process's umask still applies.
SysError ListenUnix(const std::string& path, mode_t mode, int backlog, UniqueFd& fd);
SysError ConnectUnix(const std::string& path, UniqueFd& fd);

// One connection; `fd` stays invalid when none waits.
SysError AcceptUnix(int listener, UniqueFd& fd);

SysError PeerOf(int fd, PeerCredentials& peer);

enum class UnixReceived { kMessage, kNothing, kEnd };

// Receives one message. `length` is its real length, which may be more than fits `bytes`. Passed descriptors are taken only
// if there is room in `descriptors`; the kernel closes the others.
SysError ReceiveUnix(int fd, std::span<uint8_t> bytes, size_t& length, size_t descriptors_max,
                     std::vector<UniqueFd>& descriptors, UnixReceived& what);

// Sends one message, with a descriptor unless that is negative.
SysError SendUnix(int fd, std::span<const uint8_t> bytes, int descriptor);

// Sends one datagram to a SOCK_DGRAM socket.
SysError SendUnixDatagram(const std::string& path, std::span<const uint8_t> bytes);

}  // namespace tapnet
