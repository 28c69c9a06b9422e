#include <linux/if_ether.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>
#include <vector>

#include "check.h"
#include "frame_poller.h"
#include "frame_sender.h"

namespace tapnet::test {

namespace {

constexpr size_t kRows = 32;
constexpr size_t kStride = 128;
constexpr uint32_t kLoopback = 1;

struct Batch {
  std::vector<uint8_t> slab = std::vector<uint8_t>(kRows * kStride);
  std::vector<uint32_t> slot = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> offset = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> length = std::vector<uint32_t>(kRows);
  std::vector<uint8_t> flags = std::vector<uint8_t>(kRows);

  FrameColumns columns() { return {slab, slot, offset, length, flags}; }
};

const std::vector<sock_filter> kEverything = {{BPF_RET | BPF_K, 0, 0, UINT32_MAX}};
const std::vector<sock_filter> kNothing = {{BPF_RET | BPF_K, 0, 0, 0}};
const PacketLinkOptions kOptions = {.receive_bytes = 65536};

// A network namespace of its own, with its loopback up, for the thread that `run` is on.
std::string InNamespace(const std::function<void()>& run) {
  std::string reason;
  std::thread thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      reason = std::string("needs the right to make a network namespace: ") + std::strerror(errno);
      return;
    }
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    CHECK(ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0);
    run();
  });
  thread.join();
  return reason;
}

void SendFrames(size_t count, uint32_t bytes) {
  FrameSender sender;
  CHECK(!sender.Open().failed());
  std::vector<uint8_t> slab(bytes);
  slab[12] = 0x08;
  const std::vector<uint32_t> ifindex(count, kLoopback);
  const std::vector<uint32_t> offset(count, 0);
  const std::vector<uint32_t> length(count, bytes);
  CHECK(sender.Send({slab, ifindex, offset, length}, count) == count);
}

bool Readable(const FramePoller& poller) {
  pollfd waiting{poller.fd(), POLLIN, 0};
  return poll(&waiting, 1, 100) == 1;
}

const Register budget("a wake-up takes no more than the budget of a link", [] {
  return InNamespace([] {
    FramePoller poller;
    CHECK(!poller.Open().failed());
    CHECK(!poller.Add(5, kLoopback, kEverything, kOptions).failed());
    SendFrames(10, 60);
    CHECK(Readable(poller));
    Batch batch;
    CHECK(poller.Receive(batch.columns(), 4) == 4);
    CHECK(batch.slot[0] == 5 && batch.length[0] == 60 && batch.offset[1] == kStride && batch.flags[0] == 0);
    CHECK(poller.Receive(batch.columns(), 4) == 4);
    CHECK(poller.Receive(batch.columns(), 4) == 2);
    CHECK(poller.Receive(batch.columns(), 4) == 0);
    CHECK(poller.Counts().received == 10);
  });
});

const Register filtered("the filter is there before the first frame, and can be replaced", [] {
  return InNamespace([] {
    FramePoller poller;
    CHECK(!poller.Open().failed());
    CHECK(!poller.Add(0, kLoopback, kNothing, kOptions).failed());
    SendFrames(3, 60);
    CHECK(!Readable(poller));
    CHECK(!poller.SetFilter(0, kEverything).failed());
    SendFrames(1, 60);
    Batch batch;
    CHECK(Readable(poller) && poller.Receive(batch.columns(), 16) == 1);
    CHECK(poller.Remove(0).valid() && !poller.Remove(0).valid());
  });
});

const Register truncated("a frame that does not fit is cut and says so", [] {
  return InNamespace([] {
    FramePoller poller;
    CHECK(!poller.Open().failed());
    CHECK(!poller.Add(0, kLoopback, kEverything, kOptions).failed());
    SendFrames(1, kStride + 1);
    Batch batch;
    CHECK(Readable(poller) && poller.Receive(batch.columns(), 16) == 1);
    CHECK(batch.length[0] == kStride && (batch.flags[0] & kTruncated) != 0);
  });
});

const Register overflow("frames that find no room are counted as dropped", [] {
  return InNamespace([] {
    FramePoller poller;
    CHECK(!poller.Open().failed());
    CHECK(!poller.Add(0, kLoopback, kEverything, {.receive_bytes = 1}).failed());
    SendFrames(200, 60);
    CHECK(poller.Drops(0) > 0);
    CHECK(poller.Remove(0).valid());
    CHECK(poller.Counts().receive_drops > 0);
  });
});

const Register bad_rows("rows that make no frame are counted, the others sent", [] {
  return InNamespace([] {
    FrameSender sender;
    CHECK(!sender.Open().failed());
    std::vector<uint8_t> slab(100);
    const std::vector<uint32_t> ifindex = {kLoopback, kLoopback, 9999, kLoopback, kLoopback};
    const std::vector<uint32_t> offset = {0, 50, 0, UINT32_MAX, 40};
    const std::vector<uint32_t> length = {13, 51, 60, 60, 60};
    CHECK(sender.Send({slab, ifindex, offset, length}, 5) == 1);
    CHECK(sender.sent() == 1 && sender.errors() == 4);
  });
});

}  // namespace

}  // namespace tapnet::test
