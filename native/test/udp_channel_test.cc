#include "udp_channel.h"

#include <poll.h>

#include <vector>

#include "check.h"

namespace tapnet::test {

namespace {

constexpr size_t kRows = 100;
constexpr size_t kStride = 64;
constexpr uint32_t kLoopback = 0x7f000001;

// A batch whose columns end exactly where they have to.
struct Batch {
  std::vector<uint8_t> slab = std::vector<uint8_t>(kRows * kStride);
  std::vector<uint32_t> offset = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> length = std::vector<uint32_t>(kRows);
  std::vector<uint8_t> flags = std::vector<uint8_t>(kRows);
  std::vector<uint16_t> remote_port = std::vector<uint16_t>(kRows);
  std::vector<uint32_t> remote_ipv4 = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> local_ipv4 = std::vector<uint32_t>(kRows);
  std::vector<uint8_t> remote_ipv6 = std::vector<uint8_t>(kRows * 16);
  std::vector<uint8_t> local_ipv6 = std::vector<uint8_t>(kRows * 16);
  std::vector<uint32_t> ifindex = std::vector<uint32_t>(kRows);

  UdpColumns columns() {
    return {slab, offset, length, flags, remote_port, remote_ipv4, local_ipv4, remote_ipv6, local_ipv6, ifindex};
  }
};

const std::vector<uint8_t> kIpv4Loopback = {127, 0, 0, 1};
const std::vector<uint8_t> kIpv4Any = {0, 0, 0, 0};

SysError OpenOn(UdpChannel& channel, const std::vector<uint8_t>& address) {
  UdpOptions options;
  options.address = address;
  return channel.Open(options);
}

SysError OpenOnLoopback(UdpChannel& channel) { return OpenOn(channel, kIpv4Loopback); }

size_t ReceiveSoon(UdpChannel& channel, Batch& batch) {
  pollfd waiting{channel.fd(), POLLIN, 0};
  CHECK(poll(&waiting, 1, 1000) == 1);
  return channel.Receive(batch.columns());
}

const Register batches("a batch of datagrams comes with both addresses of each", [] {
  UdpChannel one;
  UdpChannel other;
  CHECK(!OpenOnLoopback(one).failed());
  CHECK(!OpenOnLoopback(other).failed());
  Batch batch;
  for (size_t row = 0; row < kRows; row++) {
    batch.offset[row] = static_cast<uint32_t>(row * kStride);
    batch.length[row] = static_cast<uint32_t>(row % kStride);
    batch.slab[row * kStride] = static_cast<uint8_t>(row);
    batch.remote_ipv4[row] = kLoopback;
    batch.remote_port[row] = other.port();
  }
  CHECK(one.Send(batch.columns(), kRows) == kRows);
  Batch received;
  CHECK(ReceiveSoon(other, received) == kRows);
  for (size_t row = 0; row < kRows; row++) {
    CHECK(received.length[row] == row % kStride);
    CHECK(row % kStride == 0 || received.slab[received.offset[row]] == row);
    CHECK(received.remote_ipv4[row] == kLoopback && received.remote_port[row] == one.port());
    // A socket with an address of its own is not told the link.
    CHECK(received.local_ipv4[row] == kLoopback && received.ifindex[row] == 0);
  }
  CHECK(other.Receive(received.columns()) == 0);
  return std::string();
});

const Register alone("one datagram alone comes to any address with its own address and link, and is answered from there", [] {
  UdpChannel client;
  UdpChannel server;
  CHECK(!OpenOnLoopback(client).failed());
  CHECK(!OpenOn(server, kIpv4Any).failed());
  constexpr uint32_t other_loopback = kLoopback + 1;
  Batch batch;
  batch.length[0] = 5;
  batch.slab[4] = 42;
  batch.remote_ipv4[0] = other_loopback;
  batch.remote_port[0] = server.port();
  CHECK(client.Send(batch.columns(), 1) == 1);
  Batch received;
  CHECK(ReceiveSoon(server, received) == 1);
  CHECK(received.length[0] == 5 && received.slab[4] == 42);
  CHECK(received.remote_ipv4[0] == kLoopback && received.remote_port[0] == client.port());
  CHECK(received.local_ipv4[0] == other_loopback && received.ifindex[0] == 1);
  CHECK(server.Send(received.columns(), 1) == 1);
  Batch answer;
  CHECK(ReceiveSoon(client, answer) == 1);
  CHECK(answer.length[0] == 5 && answer.slab[4] == 42);
  CHECK(answer.remote_ipv4[0] == other_loopback && answer.remote_port[0] == server.port());
  received.remote_port[0] = 0;
  CHECK(server.Send(received.columns(), 1) == 0);
  batch.remote_port[0] = 0;
  CHECK(client.Send(batch.columns(), 1) == 0);
  batch.length[0] = 0;
  batch.remote_port[0] = server.port();
  CHECK(client.Send(batch.columns(), 1) == 1);
  CHECK(ReceiveSoon(server, received) == 1 && received.length[0] == 0);
  return std::string();
});

const Register one_by_one("one at a time leaves the next for the next call, and says what was cut off", [] {
  for (const std::vector<uint8_t>& address : {kIpv4Loopback, kIpv4Any}) {
    UdpChannel one;
    UdpChannel other;
    CHECK(!OpenOnLoopback(one).failed());
    CHECK(!OpenOn(other, address).failed());
    Batch batch;
    for (size_t row = 0; row < 2; row++) {
      batch.length[row] = row == 0 ? kStride + 1 : 3;
      batch.remote_ipv4[row] = kLoopback;
      batch.remote_port[row] = other.port();
    }
    CHECK(one.Send(batch.columns(), 2) == 2);
    Batch received;
    pollfd waiting{other.fd(), POLLIN, 0};
    CHECK(poll(&waiting, 1, 1000) == 1);
    received.offset[0] = 7;
    CHECK(other.Receive(received.columns(), true) == 1);
    CHECK(received.offset[0] == 0 && received.length[0] == kStride && received.flags[0] == kUdpTruncated);
    CHECK(received.remote_ipv4[0] == kLoopback && received.remote_port[0] == one.port());
    CHECK(received.local_ipv4[0] == kLoopback);
    CHECK(other.Receive(received.columns(), true) == 1);
    CHECK(received.length[0] == 3 && received.flags[0] == 0);
    CHECK(other.Receive(received.columns(), true) == 0);
  }
  return std::string();
});

const Register nonsense("rows outside of the slab are passed over, the others sent", [] {
  UdpChannel one;
  UdpChannel other;
  CHECK(!OpenOnLoopback(one).failed());
  CHECK(!OpenOnLoopback(other).failed());
  Batch batch;
  for (size_t row = 0; row < 4; row++) {
    batch.length[row] = 8;
    batch.remote_ipv4[row] = kLoopback;
    batch.remote_port[row] = other.port();
  }
  batch.offset[0] = kRows * kStride - 7;
  batch.offset[1] = UINT32_MAX;
  batch.length[2] = UINT32_MAX;
  CHECK(one.Send(batch.columns(), 4) == 1);
  Batch received;
  CHECK(ReceiveSoon(other, received) == 1);
  return std::string();
});

const Register refused("an address that the host does not have is an error that names it", [] {
  UdpChannel channel;
  UdpOptions options;
  const std::vector<uint8_t> elsewhere = {192, 0, 2, 1};
  options.address = elsewhere;
  options.port = 5353;
  const SysError error = channel.Open(options);
  CHECK(error.number == EADDRNOTAVAIL && error.object == "udp 192.0.2.1 port 5353");
  CHECK(!channel.open());
  options.free_bind = true;
  CHECK(!channel.Open(options).failed());
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
