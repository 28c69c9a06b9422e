#include "port_set.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <random>

#include "check.h"
#include "unix_channel.h"

namespace tapnet::test {

namespace {

std::string PathOf(const char* name) { return "@tapnet-ports-" + std::to_string(getpid()) + "-" + name; }

// A batch of its own, small enough that its ends are met all the time.
struct Batch {
  std::vector<uint8_t> slab;
  std::vector<uint32_t> port, offset, length;
  std::vector<uint8_t> flags;

  Batch(size_t bytes, size_t rows) : slab(bytes), port(rows), offset(rows), length(rows), flags(rows) {}
  PortColumns Columns() {
    return {.slab = slab, .row_bytes = 2048, .port = port, .offset = offset, .length = length, .flags = flags};
  }
};

UniqueFd Dial(const std::string& path) {
  UniqueFd peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  CHECK(!ConnectSocket(peer.get(), path).failed());
  return peer;
}

struct Stream {
  PortSet set;
  UniqueFd peer;
  explicit Stream(const char* name) {
    const std::string path = PathOf(name);
    CHECK(!set.Open().failed());
    std::unique_ptr<PortLink> link;
    CHECK(!PortLink::OpenStream(path, 0600, link).failed());
    CHECK(!set.Add(1, std::move(link)).failed());
    peer = Dial(path);
    Batch batch(4096, 4);
    PortColumns columns = batch.Columns();
    CHECK(set.Receive(columns) == 0);
    const std::vector<PortSet::Event> events = set.TakeEvents();
    CHECK(events.size() == 1 && events[0].what == LinkEvent::kConnected);
  }
};

void Append(std::vector<uint8_t>& bytes, const std::vector<uint8_t>& frame) {
  const uint32_t prefix = htonl(static_cast<uint32_t>(frame.size()));
  const auto* raw = reinterpret_cast<const uint8_t*>(&prefix);
  bytes.insert(bytes.end(), raw, raw + 4);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
}

const Register cuts("frames of a stream come whole, however it is cut and however small the batch", [] {
  std::mt19937 random(7);
  Stream stream("cuts");
  std::vector<uint8_t> bytes;
  std::vector<std::vector<uint8_t>> frames;
  for (int index = 0; index < 2000; index++) {
    std::vector<uint8_t> frame(random() % 5 == 0 ? random() % 14 : 14 + random() % 1500);
    for (uint8_t& octet : frame) octet = static_cast<uint8_t>(random());
    Append(bytes, frame);
    if (frame.size() >= kFrameLeast) frames.push_back(frame);
  }
  size_t sent = 0;
  size_t got = 0;
  for (int turn = 0; turn < 200000 && got < frames.size(); turn++) {
    const size_t chunk = std::min<size_t>(bytes.size() - sent, random() % 3000);
    const ssize_t wrote = chunk == 0 ? 0 : send(stream.peer.get(), bytes.data() + sent, chunk, MSG_DONTWAIT);
    if (wrote > 0) sent += static_cast<size_t>(wrote);
    Batch batch(2048 + random() % 4096, 120 + random() % 100);
    PortColumns columns = batch.Columns();
    const size_t rows = stream.set.Receive(columns);
    for (size_t row = 0; row < rows && got < frames.size(); row++, got++) {
      const std::vector<uint8_t>& frame = frames[got];
      CHECK(batch.length[row] == frame.size());
      CHECK(std::memcmp(batch.slab.data() + batch.offset[row], frame.data(), frame.size()) == 0);
    }
  }
  CHECK(got == frames.size());
  return std::string();
});

const Register noise("noise on a stream ends in a coded way, never elsewhere", [] {
  std::mt19937 random(11);
  for (int round = 0; round < 50; round++) {
    Stream stream("noise");
    std::vector<uint8_t> bytes(random() % 20000 + 4);
    for (uint8_t& octet : bytes) octet = static_cast<uint8_t>(random() % (round % 2 == 0 ? 256 : 2));
    static_cast<void>(send(stream.peer.get(), bytes.data(), bytes.size(), MSG_DONTWAIT));
    stream.peer.Reset();
    bool ended = false;
    for (int turn = 0; turn < 1000 && !ended; turn++) {
      Batch batch(1 << 17, 8192);
      PortColumns columns = batch.Columns();
      static_cast<void>(stream.set.Receive(columns));
      for (const PortSet::Event& event : stream.set.TakeEvents()) ended = event.what != LinkEvent::kConnected;
    }
    CHECK(ended);
  }
  return std::string();
});

const Register deaf("what a peer does not read waits within bounds, and arrives whole when it reads", [] {
  Stream stream("deaf");
  std::vector<uint8_t> slab(64 * 1500);
  for (size_t index = 0; index < slab.size(); index++) slab[index] = static_cast<uint8_t>(index);
  std::vector<uint32_t> port(64, 1), offset(64), length(64, 1500);
  for (uint32_t row = 0; row < 64; row++) offset[row] = row * 1500;
  size_t taken = 0;
  size_t refused = 0;
  while (refused == 0) {
    const size_t now = stream.set.Send(slab, port, offset, length, 64);
    taken += now;
    refused += 64 - now;
  }
  CHECK(stream.set.WaitingBytes(1) <= 512 * 1024 + 1504);
  size_t bytes = 0;
  std::array<uint8_t, 65536> drain;
  for (int turn = 0; turn < 100000 && bytes < taken * 1504; turn++) {
    const ssize_t got = recv(stream.peer.get(), drain.data(), drain.size(), MSG_DONTWAIT);
    if (got > 0) bytes += static_cast<size_t>(got);
    Batch batch(4096, 4);
    PortColumns columns = batch.Columns();
    static_cast<void>(stream.set.Receive(columns));
  }
  CHECK(bytes == taken * 1504);
  CHECK(stream.set.WaitingBytes(1) == 0);
  return std::string();
});

const Register rows("rows that are nonsense are left out", [] {
  Stream stream("rows");
  const std::vector<uint8_t> slab(2000);
  const std::vector<uint32_t> port{1, 2, UINT32_MAX, 1, 1, 1};
  const std::vector<uint32_t> offset{0, 0, 0, UINT32_MAX, 1990, 100};
  const std::vector<uint32_t> length{13, 60, 60, 60, 60, UINT32_MAX};
  CHECK(stream.set.Send(slab, port, offset, length, port.size()) == 0);
  CHECK(stream.set.Remove(1).size() == 2);
  CHECK(stream.set.Remove(1).empty());
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
