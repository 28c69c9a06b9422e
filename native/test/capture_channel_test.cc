#include "capture_channel.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "frame_sender.h"

namespace tapnet::test {

namespace {

constexpr size_t kRows = 16;
constexpr size_t kStride = 132;
constexpr uint32_t kLoopback = 1;
constexpr int kReceiveBytes = 1 << 20;

struct Captured {
  std::vector<uint8_t> slab = std::vector<uint8_t>(kRows * kStride);
  std::vector<uint32_t> offset = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> length = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> original = std::vector<uint32_t>(kRows);
  std::vector<uint8_t> flags = std::vector<uint8_t>(kRows);
  std::vector<uint32_t> seconds = std::vector<uint32_t>(kRows);
  std::vector<uint32_t> nanoseconds = std::vector<uint32_t>(kRows);

  CaptureColumns columns() { return {slab, offset, length, original, flags, seconds, nanoseconds}; }
};

const std::vector<sock_filter> kEverything = {{BPF_RET | BPF_K, 0, 0, UINT32_MAX}};
const std::vector<sock_filter> kHead = {{BPF_RET | BPF_K, 0, 0, 20}};

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

void SendFrame(uint32_t bytes) {
  FrameSender sender;
  CHECK(!sender.Open().failed());
  std::vector<uint8_t> slab(bytes);
  slab[12] = 0x08;
  const std::vector<uint32_t> ifindex = {kLoopback};
  const std::vector<uint32_t> offset = {0};
  const std::vector<uint32_t> length = {bytes};
  CHECK(sender.Send({slab, ifindex, offset, length}, 1) == 1);
}

const Register both_ways("frames are seen both ways, with their length, their time and their direction", [] {
  return InNamespace([] {
    CaptureChannel channel;
    CHECK(!channel.Open(kLoopback, kReceiveBytes).failed());
    SendFrame(60);
    Captured captured;
    CHECK(channel.Receive(captured.columns()) == 0);
    CHECK(!channel.SetFilter(kEverything).failed());
    SendFrame(60);
    // The loopback hands each frame back.
    CHECK(channel.Receive(captured.columns()) == 2);
    CHECK(captured.length[0] == 60 && captured.original[0] == 60 && captured.seconds[0] != 0);
    CHECK((captured.flags[0] & kCaptureOutgoing) != 0 && (captured.flags[1] & kCaptureOutgoing) == 0);
    CHECK(captured.slab[captured.offset[1] + 12] == 0x08);
    CHECK(channel.Counts().received == 2 && channel.Counts().dropped == 0 && !channel.Vanished());
  });
});

const Register cut("what is longer than its row, or than the filter keeps, is cut and its length told", [] {
  return InNamespace([] {
    CaptureChannel channel;
    CHECK(!channel.Open(kLoopback, kReceiveBytes).failed());
    CHECK(!channel.SetFilter(kEverything).failed());
    SendFrame(500);
    Captured captured;
    CHECK(channel.Receive(captured.columns()) == 2);
    CHECK(captured.length[0] == kStride - 4 && captured.original[0] == 500);
    CHECK(!channel.SetFilter(kHead).failed());
    SendFrame(500);
    CHECK(channel.Receive(captured.columns()) == 2);
    CHECK(captured.length[0] == 20 && captured.original[0] == 500);
  });
});

const Register drops("what finds no room is counted", [] {
  return InNamespace([] {
    CaptureChannel channel;
    CHECK(!channel.Open(kLoopback, 4096).failed());
    CHECK(!channel.SetFilter(kEverything).failed());
    for (int frame = 0; frame < 200; frame++) SendFrame(1000);
    CHECK(channel.Counts().dropped > 0);
  });
});

const Register adopted("only a packet socket is taken over", [] {
  return InNamespace([] {
    CaptureChannel opened;
    CHECK(!opened.Open(kLoopback, kReceiveBytes).failed());
    CaptureChannel channel;
    CHECK(!channel.Adopt(dup(opened.fd())).failed());
    opened.Close();
    CHECK(!channel.SetFilter(kEverything).failed());
    SendFrame(60);
    Captured captured;
    CHECK(channel.Receive(captured.columns()) == 2);
    CaptureChannel other;
    CHECK(other.Adopt(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)).number == EAFNOSUPPORT);
    CHECK(other.Adopt(open("/dev/null", O_RDONLY | O_CLOEXEC)).number == ENOTSOCK);
  });
});

}  // namespace

}  // namespace tapnet::test
