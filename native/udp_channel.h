#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

struct UdpOptions {
  bool ipv6 = false;
  // The local address, 4 or 16 bytes in network order.
  std::span<const uint8_t> address;
  uint16_t port = 0;
  bool reuse_port = false;
  bool reuse_address = false;
  // Whether the address may be one that the host does not have yet.
  bool free_bind = false;
  bool ipv6_only = false;
  // Whether each row carries our own address. Of IPv4 sockets alone: a link-local address of IPv6 means nothing without its link.
  bool local_address = true;
  // An interface that datagrams must come from and go to; empty for any.
  std::string device;
  int receive_bytes = 0;
};

// Columns of datagrams, received or to be sent. IPv4 addresses are numbers in host order, IPv6 addresses 16 bytes a row in
// network order; only the columns of the socket's own family are used. `local` is our address: where the datagram went to, or
// where it is to come from (zero: the kernel chooses). `ifindex` is zero where the route decides.
struct UdpColumns {
  std::span<uint8_t> slab;
  std::span<uint32_t> offset;
  std::span<uint32_t> length;
  std::span<uint8_t> flags;
  std::span<uint16_t> remote_port;
  std::span<uint32_t> remote_ipv4;
  std::span<uint32_t> local_ipv4;
  std::span<uint8_t> remote_ipv6;
  std::span<uint8_t> local_ipv6;
  std::span<uint32_t> ifindex;
};

// Bit of UdpColumns::flags: the datagram was longer than its row.
constexpr uint8_t kUdpTruncated = 2;

// A UDP socket whose datagrams come and go in batches, each with both of its addresses.
class UdpChannel {
 public:
  UdpChannel();
  ~UdpChannel();

  // caps: NET_BIND_SERVICE for ports below 1024, NET_RAW for `device` where it is not set before
  SysError Open(const UdpOptions& options);
  void Close();
  bool open() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }

  // Fills rows with what waits and returns how many. `one`: at most one, which costs the kernel less than a batch of one.
  size_t Receive(const UdpColumns& columns, bool one = false);
  // Sends the first `count` rows and returns how many the kernel took; a row that it refuses does not stop the others.
  size_t Send(const UdpColumns& columns, size_t count);

 private:
  struct Scratch;
  SysError SetOptions(int fd, const UdpOptions& options) const;
  size_t ReceiveOne(const UdpColumns& columns);
  void PrepareReceive(const UdpColumns& columns, size_t first, size_t count);
  void Keep(const UdpColumns& columns, size_t row, size_t index);
  bool PrepareSend(const UdpColumns& columns, size_t row, size_t index);
  size_t SendPrepared(size_t count);

  UniqueFd fd_;
  bool ipv6_ = false;
  uint16_t port_ = 0;
  // The only address that datagrams can come to, in host order; 0 where there are several.
  uint32_t only_ipv4_ = 0;
  // Whether each datagram carries our address (IP_PKTINFO, IPV6_RECVPKTINFO), in a control message.
  bool carries_local_ = true;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace tapnet
