#include "udp_channel.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tapnet {

namespace {

constexpr size_t kDatagramsMax = 64;
constexpr size_t kIpv6Bytes = sizeof(in6_addr);

union SocketAddress {
  sockaddr any;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;
};

struct Option {
  bool wanted;
  int level;
  int name;
  int value;
  const char* label;
};

// Writes the only control message; its room has been cleared and is large enough.
template <typename Info>
void SetControl(msghdr& header, int level, int type, const Info& info) {
  header.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(control), &info, sizeof info);
}

void AddressIpv4(const UdpColumns& columns, size_t row, msghdr& header, sockaddr_in& remote, bool as_bound) {
  header.msg_namelen = sizeof remote;
  remote.sin_family = AF_INET;
  remote.sin_port = htons(columns.remote_port[row]);
  remote.sin_addr.s_addr = htonl(columns.remote_ipv4[row]);
  if (as_bound) {
    header.msg_control = nullptr;
    return;
  }
  in_pktinfo info{};
  info.ipi_ifindex = static_cast<int>(columns.ifindex[row]);
  info.ipi_spec_dst.s_addr = htonl(columns.local_ipv4[row]);
  SetControl(header, SOL_IP, IP_PKTINFO, info);
}

void AddressIpv6(const UdpColumns& columns, size_t row, msghdr& header, sockaddr_in6& remote) {
  header.msg_namelen = sizeof remote;
  remote.sin6_family = AF_INET6;
  remote.sin6_port = htons(columns.remote_port[row]);
  std::memcpy(&remote.sin6_addr, columns.remote_ipv6.data() + row * kIpv6Bytes, kIpv6Bytes);
  // A link-local address means nothing without its link.
  if (IN6_IS_ADDR_LINKLOCAL(&remote.sin6_addr)) remote.sin6_scope_id = columns.ifindex[row];
  in6_pktinfo info{};
  info.ipi6_ifindex = columns.ifindex[row];
  std::memcpy(&info.ipi6_addr, columns.local_ipv6.data() + row * kIpv6Bytes, kIpv6Bytes);
  // To an IPv4 address, "any" has to be IPv4-mapped as well.
  if (IN6_IS_ADDR_V4MAPPED(&remote.sin6_addr) && IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr)) {
    info.ipi6_addr.s6_addr[10] = info.ipi6_addr.s6_addr[11] = 0xff;
  }
  SetControl(header, SOL_IPV6, IPV6_PKTINFO, info);
}

// Whether datagrams can come to one address only, and leave from no other: then nobody has to ask the kernel for it.
bool IsBoundToOne(const UdpOptions& options) {
  if (options.ipv6 || !options.device.empty()) return false;
  return std::any_of(options.address.begin(), options.address.begin() + 4, [](uint8_t byte) { return byte != 0; });
}

// Whether the kernel is to tell with each datagram which address of ours it came to, and to be told.
bool CarriesLocal(const UdpOptions& options) { return options.ipv6 || (options.local_address && !IsBoundToOne(options)); }

// One datagram; the address alone costs the kernel less than a message header with vectors and control messages.
bool SendOne(int fd, const msghdr& header) {
  if (header.msg_control != nullptr) return sendmsg(fd, &header, MSG_DONTWAIT) >= 0;
  const auto* remote = static_cast<const sockaddr*>(header.msg_name);
  return sendto(fd, header.msg_iov->iov_base, header.msg_iov->iov_len, MSG_DONTWAIT, remote, header.msg_namelen) >= 0;
}

std::string Describe(const UdpOptions& options) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (inet_ntop(options.ipv6 ? AF_INET6 : AF_INET, options.address.data(), text, sizeof text) == nullptr) return "udp";
  return std::string("udp ") + text + " port " + std::to_string(options.port);
}

}  // namespace

struct UdpChannel::Scratch {
  // The larger of the two packet infos.
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
  };
  struct Messages {
    std::array<mmsghdr, kDatagramsMax> headers;
    std::array<iovec, kDatagramsMax> parts;
    std::array<SocketAddress, kDatagramsMax> addresses;
    std::array<Control, kDatagramsMax> controls;
  };
  Messages sending;
  // Prepared once for the rows that they were last used for; after that only what the kernel has changed is put right.
  Messages receiving;
  const uint8_t* place = nullptr;
  size_t stride = 0;
  size_t prepared = 0;
  size_t changed = 0;
};

UdpChannel::UdpChannel() = default;

UdpChannel::~UdpChannel() = default;

SysError UdpChannel::Open(const UdpOptions& options) {
  const std::string object = Describe(options);
  UniqueFd fd(socket(options.ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return LastError("socket", object);
  if (SysError error = SetOptions(fd.get(), options); error.failed()) {
    error.object = object;
    return error;
  }
  SocketAddress address{};
  socklen_t length = options.ipv6 ? sizeof address.ipv6 : sizeof address.ipv4;
  if (options.ipv6) {
    address.ipv6.sin6_family = AF_INET6;
    address.ipv6.sin6_port = htons(options.port);
    std::memcpy(&address.ipv6.sin6_addr, options.address.data(), kIpv6Bytes);
    if (IN6_IS_ADDR_LINKLOCAL(&address.ipv6.sin6_addr)) address.ipv6.sin6_scope_id = if_nametoindex(options.device.c_str());
  } else {
    address.ipv4.sin_family = AF_INET;
    address.ipv4.sin_port = htons(options.port);
    std::memcpy(&address.ipv4.sin_addr, options.address.data(), sizeof address.ipv4.sin_addr);
  }
  if (bind(fd.get(), &address.any, length) != 0) return LastError("bind", object);
  if (options.port == 0 && getsockname(fd.get(), &address.any, &length) != 0) return LastError("getsockname", object);
  port_ = ntohs(options.ipv6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
  ipv6_ = options.ipv6;
  only_ipv4_ = IsBoundToOne(options) ? ntohl(address.ipv4.sin_addr.s_addr) : 0;
  carries_local_ = CarriesLocal(options);
  fd_ = std::move(fd);
  // Not cleared: it is 20 KB, and a socket that asks upstream lives for one question.
  scratch_ = std::make_unique_for_overwrite<Scratch>();
  return {};
}

void UdpChannel::Close() {
  fd_.Reset();
  scratch_.reset();
}

SysError UdpChannel::SetOptions(int fd, const UdpOptions& options) const {
  const std::array<Option, 8> wanted = {{
      {options.reuse_port, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"},
      {options.reuse_address, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"},
      {options.free_bind && !options.ipv6, SOL_IP, IP_FREEBIND, 1, "IP_FREEBIND"},
      {options.free_bind && options.ipv6, SOL_IPV6, IPV6_FREEBIND, 1, "IPV6_FREEBIND"},
      {options.ipv6, SOL_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0, "IPV6_V6ONLY"},
      {!options.ipv6 && CarriesLocal(options), SOL_IP, IP_PKTINFO, 1, "IP_PKTINFO"},
      {options.ipv6, SOL_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"},
      {options.receive_bytes > 0, SOL_SOCKET, SO_RCVBUF, options.receive_bytes, "SO_RCVBUF"},
  }};
  for (const Option& option : wanted) {
    if (!option.wanted) continue;
    if (setsockopt(fd, option.level, option.name, &option.value, sizeof option.value) != 0) {
      return LastError(option.label, "");
    }
  }
  if (options.device.empty()) return {};
  const auto length = static_cast<socklen_t>(options.device.size());
  const int status = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.device.data(), length);
  return status == 0 ? SysError{} : LastError("SO_BINDTODEVICE", options.device);
}

size_t UdpChannel::Receive(const UdpColumns& columns, bool one) {
  if (one && !carries_local_) return ReceiveOne(columns);
  const size_t capacity = one ? 1 : columns.offset.size();
  size_t rows = 0;
  while (rows < capacity) {
    const size_t wanted = std::min(capacity - rows, kDatagramsMax);
    PrepareReceive(columns, rows, wanted);
    const int received =
        recvmmsg(fd_.get(), scratch_->receiving.headers.data(), static_cast<unsigned>(wanted), MSG_DONTWAIT, nullptr);
    // Besides EAGAIN: an ICMP error for something sent earlier, which the call has taken away.
    if (received <= 0) break;
    scratch_->changed = static_cast<size_t>(received);
    for (size_t index = 0; index < static_cast<size_t>(received); index++) Keep(columns, rows + index, index);
    rows += static_cast<size_t>(received);
    if (static_cast<size_t>(received) < wanted) break;
  }
  return rows;
}

// Without a message header, which the kernel would read and write for nothing where nobody asks for the local address.
size_t UdpChannel::ReceiveOne(const UdpColumns& columns) {
  const size_t stride = columns.slab.size() / columns.offset.size();
  sockaddr_in remote;
  socklen_t remote_length = sizeof remote;
  const ssize_t length = recvfrom(fd_.get(), columns.slab.data(), stride, MSG_DONTWAIT | MSG_TRUNC,
                                  reinterpret_cast<sockaddr*>(&remote), &remote_length);
  if (length < 0) return 0;
  const auto whole = static_cast<size_t>(length);
  columns.offset[0] = 0;
  columns.length[0] = static_cast<uint32_t>(std::min(whole, stride));
  columns.flags[0] = whole > stride ? kUdpTruncated : 0;
  columns.ifindex[0] = 0;
  columns.remote_port[0] = ntohs(remote.sin_port);
  columns.remote_ipv4[0] = ntohl(remote.sin_addr.s_addr);
  columns.local_ipv4[0] = only_ipv4_;
  return 1;
}

void UdpChannel::PrepareReceive(const UdpColumns& columns, size_t first, size_t count) {
  Scratch& scratch = *scratch_;
  Scratch::Messages& messages = scratch.receiving;
  const size_t stride = columns.slab.size() / columns.offset.size();
  uint8_t* place = columns.slab.data() + first * stride;
  const bool same = scratch.place == place && scratch.stride == stride && scratch.prepared >= count;
  const size_t stale = same ? scratch.changed : count;
  for (size_t index = 0; index < stale; index++) {
    msghdr& header = messages.headers[index].msg_hdr;
    if (!same) {
      messages.parts[index] = {place + index * stride, stride};
      header = {};
      header.msg_name = &messages.addresses[index];
      header.msg_iov = &messages.parts[index];
      header.msg_iovlen = 1;
    }
    header.msg_namelen = sizeof messages.addresses[index];
    header.msg_control = carries_local_ ? messages.controls[index].bytes.data() : nullptr;
    header.msg_controllen = carries_local_ ? messages.controls[index].bytes.size() : 0;
  }
  if (!same) {
    scratch.place = place;
    scratch.stride = stride;
    scratch.prepared = count;
  }
  scratch.changed = 0;
}

void UdpChannel::Keep(const UdpColumns& columns, size_t row, size_t index) {
  const Scratch::Messages& messages = scratch_->receiving;
  msghdr header = messages.headers[index].msg_hdr;
  const SocketAddress& remote = messages.addresses[index];
  columns.offset[row] = static_cast<uint32_t>(row * (columns.slab.size() / columns.offset.size()));
  columns.length[row] = messages.headers[index].msg_len;
  columns.flags[row] = (header.msg_flags & MSG_TRUNC) != 0 ? kUdpTruncated : 0;
  columns.ifindex[row] = 0;
  if (ipv6_) {
    columns.remote_port[row] = ntohs(remote.ipv6.sin6_port);
    std::memcpy(columns.remote_ipv6.data() + row * kIpv6Bytes, &remote.ipv6.sin6_addr, kIpv6Bytes);
  } else {
    columns.remote_port[row] = ntohs(remote.ipv4.sin_port);
    columns.remote_ipv4[row] = ntohl(remote.ipv4.sin_addr.s_addr);
    columns.local_ipv4[row] = only_ipv4_;
  }
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (!ipv6_ && control->cmsg_level == SOL_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      columns.local_ipv4[row] = ntohl(info.ipi_addr.s_addr);
      columns.ifindex[row] = static_cast<uint32_t>(info.ipi_ifindex);
    } else if (ipv6_ && control->cmsg_level == SOL_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      std::memcpy(columns.local_ipv6.data() + row * kIpv6Bytes, &info.ipi6_addr, kIpv6Bytes);
      columns.ifindex[row] = info.ipi6_ifindex;
    }
  }
}

size_t UdpChannel::Send(const UdpColumns& columns, size_t count) {
  size_t sent = 0;
  for (size_t row = 0; row < count;) {
    size_t prepared = 0;
    for (; row < count && prepared < kDatagramsMax; row++) {
      if (PrepareSend(columns, row, prepared)) prepared++;
    }
    sent += SendPrepared(prepared);
  }
  return sent;
}

// False for a row that does not lie in the slab.
bool UdpChannel::PrepareSend(const UdpColumns& columns, size_t row, size_t index) {
  Scratch::Messages& messages = scratch_->sending;
  const size_t offset = columns.offset[row];
  const size_t length = columns.length[row];
  if (offset > columns.slab.size() || length > columns.slab.size() - offset) return false;
  messages.parts[index] = {columns.slab.data() + offset, length};
  messages.addresses[index] = {};
  messages.controls[index] = {};
  msghdr& header = messages.headers[index].msg_hdr;
  header = {};
  header.msg_name = &messages.addresses[index];
  header.msg_iov = &messages.parts[index];
  header.msg_iovlen = 1;
  header.msg_control = messages.controls[index].bytes.data();
  if (ipv6_) {
    AddressIpv6(columns, row, header, messages.addresses[index].ipv6);
  } else {
    AddressIpv4(columns, row, header, messages.addresses[index].ipv4, !carries_local_);
  }
  return true;
}

// sendmmsg(2) stops at the first datagram that is refused, and reports why only if that was the first of the call.
size_t UdpChannel::SendPrepared(size_t count) {
  size_t sent = 0;
  size_t next = 0;
  while (next < count) {
    mmsghdr* first = &scratch_->sending.headers[next];
    const int taken = count - next > 1 ? sendmmsg(fd_.get(), first, static_cast<unsigned>(count - next), MSG_DONTWAIT)
                      : SendOne(fd_.get(), first->msg_hdr) ? 1 : -1;
    if (taken > 0) {
      sent += static_cast<size_t>(taken);
      next += static_cast<size_t>(taken);
    } else if (errno != EINTR) {
      next++;
    }
  }
  return sent;
}

}  // namespace tapnet
