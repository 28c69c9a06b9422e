#include "unix_channel.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace tapnet {

namespace {

// SCM_MAX_FD is 253; nobody has a reason to send us more than one.
constexpr size_t kDescriptorsMax = 8;

struct Address {
  sockaddr_un value{};
  socklen_t length = 0;
};

SysError AddressOf(const std::string& path, Address& address) {
  if (path.empty() || path.size() > kUnixPathMax) {
    SysError error = ErrorOf(ENAMETOOLONG, "unix socket", path);
    error.hint = "the path of a unix socket has 1 to " + std::to_string(kUnixPathMax) + " bytes";
    return error;
  }
  address.value.sun_family = AF_UNIX;
  std::memcpy(address.value.sun_path, path.data(), path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path.front() == '@') {
    address.value.sun_path[0] = '\0';
  } else {
    address.length++;
  }
  return {};
}

SysError OpenSocket(int type, const std::string& path, UniqueFd& fd) {
  fd = UniqueFd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return fd.valid() ? SysError{} : LastError("socket(AF_UNIX)", path);
}

}  // namespace

SysError BindUnix(int type, const std::string& path, mode_t mode, UniqueFd& fd) {
  Address address;
  UniqueFd bound;
  SysError error = AddressOf(path, address);
  if (!error.failed()) error = OpenSocket(type, path, bound);
  if (error.failed()) return error;
  // Before bind(2), which gives the file this mode: there is no moment in which others may connect.
  if (fchmod(bound.get(), mode) != 0) return LastError("fchmod", path);
  if (bind(bound.get(), reinterpret_cast<sockaddr*>(&address.value), address.length) != 0) {
    return LastError("bind", path);
  }
  fd = std::move(bound);
  return {};
}

SysError ListenUnix(const std::string& path, mode_t mode, int backlog, UniqueFd& fd) {
  UniqueFd listener;
  if (SysError error = BindUnix(SOCK_SEQPACKET, path, mode, listener); error.failed()) return error;
  if (listen(listener.get(), backlog) != 0) return LastError("listen", path);
  fd = std::move(listener);
  return {};
}

SysError ConnectSocket(int fd, const std::string& path) {
  Address address;
  if (SysError error = AddressOf(path, address); error.failed()) return error;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address.value), address.length) != 0) return LastError("connect", path);
  return {};
}

SysError ConnectUnix(const std::string& path, UniqueFd& fd) {
  UniqueFd connection;
  SysError error = OpenSocket(SOCK_SEQPACKET, path, connection);
  if (!error.failed()) error = ConnectSocket(connection.get(), path);
  if (!error.failed()) fd = std::move(connection);
  return error;
}

SysError AcceptUnix(int listener, UniqueFd& fd) {
  for (;;) {
    fd = UniqueFd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid() || errno == EAGAIN) return {};
    // ECONNABORTED: that client has given up; the next may be waiting.
    if (errno != EINTR && errno != ECONNABORTED) return LastError("accept", "unix socket");
  }
}

SysError PeerOf(int fd, PeerCredentials& peer) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return LastError("SO_PEERCRED", "unix socket");
  }
  peer.pid = credentials.pid;
  peer.uid = credentials.uid;
  peer.gid = credentials.gid;
  // The kernel says how much room the groups need (at most NGROUPS_MAX) when there is too little.
  peer.groups.resize(32);
  for (int attempt = 0; attempt < 2; attempt++) {
    length = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    const int status = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length);
    if (status != 0 && errno != ERANGE) {
      // A peer without groups of its own (ENODATA), or Linux before 4.13.
      peer.groups.clear();
      return {};
    }
    peer.groups.resize(length / sizeof(gid_t));
    if (status == 0) return {};
  }
  peer.groups.clear();
  return {};
}

SysError ReceiveUnix(int fd, std::span<uint8_t> bytes, size_t& length, size_t descriptors_max,
                     std::vector<UniqueFd>& descriptors, UnixReceived& what) {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptors_max > 0) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(std::min(descriptors_max, kDescriptorsMax) * sizeof(int));
  }
  ssize_t received = -1;
  do {
    received = recvmsg(fd, &header, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && errno != EAGAIN) return LastError("recvmsg", "unix socket");
  what = received < 0 ? UnixReceived::kNothing : received == 0 ? UnixReceived::kEnd : UnixReceived::kMessage;
  length = received < 0 ? 0 : static_cast<size_t>(received);

  for (cmsghdr* entry = received < 0 ? nullptr : CMSG_FIRSTHDR(&header); entry != nullptr;
       entry = CMSG_NXTHDR(&header, entry)) {
    if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      int passed = -1;
      std::memcpy(&passed, CMSG_DATA(entry) + index * sizeof(int), sizeof passed);
      descriptors.emplace_back(passed);
    }
  }
  // The padding of the last control message may have had room for one more than was asked for.
  if (descriptors.size() > descriptors_max) descriptors.resize(descriptors_max);
  return {};
}

SysError SendUnix(int fd, std::span<const uint8_t> bytes, int descriptor) {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int))> control{};
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* entry = CMSG_FIRSTHDR(&header);
    entry->cmsg_level = SOL_SOCKET;
    entry->cmsg_type = SCM_RIGHTS;
    entry->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(entry), &descriptor, sizeof descriptor);
  }
  while (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return LastError("sendmsg", "unix socket");
  }
  return {};
}

SysError SendUnixDatagram(const std::string& path, std::span<const uint8_t> bytes) {
  Address address;
  UniqueFd fd;
  SysError error = AddressOf(path, address);
  if (!error.failed()) error = OpenSocket(SOCK_DGRAM, path, fd);
  if (error.failed()) return error;
  while (sendto(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address.value),
                address.length) < 0) {
    if (errno != EINTR) return LastError("sendto", path);
  }
  return {};
}

}  // namespace tapnet
