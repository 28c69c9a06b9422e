#include "frame_sender.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace tapnet {

namespace {

constexpr size_t kFramesMax = 64;
constexpr size_t kEtherTypeOffset = 12;
// Room for what waits in the queue of a slow interface; a TAP takes its frames at once.
constexpr int kSendBytes = 4 * 1024 * 1024;

}  // namespace

struct FrameSender::Scratch {
  std::array<mmsghdr, kFramesMax> headers;
  std::array<iovec, kFramesMax> parts;
  std::array<sockaddr_ll, kFramesMax> addresses;
};

FrameSender::FrameSender() = default;

FrameSender::~FrameSender() = default;

SysError FrameSender::Open() {
  scratch_ = std::make_unique<Scratch>();
  fd_ = UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_.valid()) {
    SysError error = LastError("socket(AF_PACKET)", "frame socket");
    if (error.number == EPERM) error.hint = "needs CAP_NET_RAW in this network namespace";
    return error;
  }
  // Less room only means that frames are refused earlier on a slow interface.
  static_cast<void>(setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof kSendBytes));
  return {};
}

UniqueFd FrameSender::Close() {
  scratch_.reset();
  return std::move(fd_);
}

size_t FrameSender::Send(const SendColumns& columns, size_t count) {
  size_t sent = 0;
  for (size_t row = 0; row < count;) sent += SendPrepared(Prepare(columns, row, count));
  sent_ += sent;
  errors_ += count - sent;
  return sent;
}

// Describes the next frames to the kernel; rows that do not lie in the slab are passed over.
size_t FrameSender::Prepare(const SendColumns& columns, size_t& row, size_t count) {
  Scratch& scratch = *scratch_;
  size_t prepared = 0;
  for (; row < count && prepared < kFramesMax; row++) {
    const size_t offset = columns.offset[row];
    const size_t length = columns.length[row];
    if (length < ETH_HLEN || offset > columns.slab.size() || length > columns.slab.size() - offset) continue;
    const uint8_t* frame = columns.slab.data() + offset;
    sockaddr_ll& address = scratch.addresses[prepared];
    address = {};
    address.sll_family = AF_PACKET;
    std::memcpy(&address.sll_protocol, frame + kEtherTypeOffset, sizeof address.sll_protocol);
    address.sll_ifindex = static_cast<int>(columns.ifindex[row]);
    scratch.parts[prepared] = {const_cast<uint8_t*>(frame), length};
    msghdr& header = scratch.headers[prepared].msg_hdr;
    header = {};
    header.msg_name = &address;
    header.msg_namelen = sizeof address;
    header.msg_iov = &scratch.parts[prepared];
    header.msg_iovlen = 1;
    prepared++;
  }
  return prepared;
}

// sendmmsg(2) stops at the first frame that is refused, and reports why only if that was the first of the call.
size_t FrameSender::SendPrepared(size_t count) {
  size_t sent = 0;
  size_t next = 0;
  while (next < count) {
    const int taken = sendmmsg(fd_.get(), &scratch_->headers[next], static_cast<unsigned>(count - next), MSG_DONTWAIT);
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
