#include "frame_poller.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tapnet {

namespace {

constexpr size_t kEventsMax = 64;
constexpr size_t kFramesMax = 256;

}  // namespace

struct FramePoller::Scratch {
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, kPacketNotesBytes> bytes;
  };
  std::array<mmsghdr, kFramesMax> headers;
  std::array<iovec, kFramesMax> parts;
  std::array<Control, kFramesMax> controls;
  // Prepared once for the rows that they were last used for; after that only what the kernel has changed is put right.
  const uint8_t* place = nullptr;
  size_t stride = 0;
  size_t prepared = 0;
  size_t changed = 0;
};

FramePoller::FramePoller() = default;

FramePoller::~FramePoller() = default;

SysError FramePoller::Open() {
  scratch_ = std::make_unique<Scratch>();
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return LastError("epoll_create1", "frame socket");
  return {};
}

std::vector<UniqueFd> FramePoller::Close() {
  std::vector<UniqueFd> sockets;
  for (uint32_t slot = 0; slot < links_.size(); slot++) {
    if (UniqueFd socket = Remove(slot); socket.valid()) sockets.push_back(std::move(socket));
  }
  links_.clear();
  programs_.Clear();
  epoll_.Reset();
  scratch_.reset();
  return sockets;
}

SysError FramePoller::Add(uint32_t slot, uint32_t ifindex, std::span<const sock_filter> filter,
                          const PacketLinkOptions& options) {
  UniqueFd fd;
  PacketLinkOptions with_program = options;
  with_program.program = programs_.Find(filter);
  if (SysError error = OpenPacketLink(ifindex, filter, with_program, fd); error.failed()) return error;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = slot;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
    return LastError("epoll_ctl", "frame socket");
  }
  if (slot >= links_.size()) links_.resize(slot + 1);
  links_[slot] = std::make_unique<Link>(Link{.fd = std::move(fd), .ifindex = ifindex});
  return {};
}

SysError FramePoller::SetFilter(uint32_t slot, std::span<const sock_filter> filter) {
  return SetPacketFilter(links_[slot]->fd.get(), links_[slot]->ifindex, filter, programs_.Find(filter));
}

UniqueFd FramePoller::Remove(uint32_t slot) {
  if (!Has(slot)) return {};
  static_cast<void>(Drops(slot));
  SetDown(slot, false);
  UniqueFd socket = std::move(links_[slot]->fd);
  links_[slot] = nullptr;
  // Neither can fail for a socket that Add has put there.
  static_cast<void>(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr));
  StopPacketLink(socket.get());
  return socket;
}

size_t FramePoller::Receive(const FrameColumns& columns, size_t budget) {
  const size_t capacity = columns.slot.size();
  budget = std::clamp<size_t>(budget, 1, kFramesMax);
  turn_++;
  size_t rows = 0;
  while (rows < capacity) {
    // No more links than there is room for, so that those which do not fit keep their place in the queue.
    const size_t wanted = std::min((capacity - rows + budget - 1) / budget, kEventsMax);
    std::array<epoll_event, kEventsMax> events;
    const int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(wanted), 0);
    if (ready <= 0) break;
    bool served = false;
    for (int event = 0; event < ready && rows < capacity; event++) {
      const uint32_t slot = events[event].data.u32;
      if (!Has(slot) || links_[slot]->turn == turn_) continue;
      links_[slot]->turn = turn_;
      served = true;
      rows += ReceiveFrom(slot, columns, rows, std::min(budget, capacity - rows));
    }
    if (!served || static_cast<size_t>(ready) < wanted) break;
  }
  counts_.received += rows;
  return rows;
}

size_t FramePoller::ReceiveFrom(uint32_t slot, const FrameColumns& columns, size_t first, size_t limit) {
  const size_t stride = columns.slab.size() / columns.slot.size();
  Prepare(columns.slab.data() + first * stride, stride, limit);
  Scratch& scratch = *scratch_;
  const int received = recvmmsg(links_[slot]->fd.get(), scratch.headers.data(), static_cast<unsigned>(limit),
                                MSG_DONTWAIT, nullptr);
  if (received < 0) {
    // Reading took the error away, so the socket is not "ready" for ever.
    if (errno != EAGAIN && errno != EINTR) SetDown(slot, true);
    return 0;
  }
  SetDown(slot, false);
  scratch.changed = static_cast<size_t>(received);
  return Keep(slot, columns, first, static_cast<size_t>(received));
}

void FramePoller::Prepare(uint8_t* place, size_t stride, size_t count) {
  Scratch& scratch = *scratch_;
  const bool same = scratch.place == place && scratch.stride == stride && scratch.prepared >= count;
  const size_t stale = same ? scratch.changed : count;
  for (size_t row = 0; row < stale; row++) {
    msghdr& header = scratch.headers[row].msg_hdr;
    if (!same) {
      scratch.parts[row] = {place + row * stride, stride};
      header = {};
      header.msg_iov = &scratch.parts[row];
      header.msg_iovlen = 1;
    }
    header.msg_control = scratch.controls[row].bytes.data();
    header.msg_controllen = scratch.controls[row].bytes.size();
  }
  if (!same) {
    scratch.place = place;
    scratch.stride = stride;
    scratch.prepared = count;
  }
  scratch.changed = 0;
}

// Writes the rows of what was received. Where a frame is left out, those behind it move up.
size_t FramePoller::Keep(uint32_t slot, const FrameColumns& columns, size_t first, size_t received) {
  const size_t stride = columns.slab.size() / columns.slot.size();
  size_t kept = 0;
  for (size_t row = 0; row < received; row++) {
    mmsghdr& header = scratch_->headers[row];
    const PacketNotes notes = PacketNotesOf(header.msg_hdr);
    if (notes.tagged) {
      counts_.tagged++;
      continue;
    }
    const bool truncated = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    uint8_t* place = columns.slab.data() + (first + kept) * stride;
    if (kept != row) std::memcpy(place, columns.slab.data() + (first + row) * stride, header.msg_len);
    columns.slot[first + kept] = slot;
    columns.offset[first + kept] = static_cast<uint32_t>((first + kept) * stride);
    columns.length[first + kept] = header.msg_len;
    columns.flags[first + kept] =
        static_cast<uint8_t>((notes.checksum_partial ? kChecksumPartial : 0) | (truncated ? kTruncated : 0));
    kept++;
  }
  return kept;
}

void FramePoller::SetDown(uint32_t slot, bool down) {
  Link& link = *links_[slot];
  if (link.down == down) return;
  link.down = down;
  down_ += down ? 1 : -1;
}

std::vector<uint32_t> FramePoller::Vanished() const {
  std::vector<uint32_t> vanished;
  for (uint32_t slot = 0; down_ > 0 && slot < links_.size(); slot++) {
    const Link* link = links_[slot].get();
    if (link != nullptr && link->down && PacketLinkVanished(link->fd.get(), link->ifindex)) vanished.push_back(slot);
  }
  return vanished;
}

uint64_t FramePoller::Drops(uint32_t slot) {
  if (!Has(slot)) return 0;
  const uint32_t drops = TakePacketDrops(links_[slot]->fd.get());
  counts_.receive_drops += drops;
  links_[slot]->drops += drops;
  return links_[slot]->drops;
}

FrameCounts FramePoller::Counts() {
  for (uint32_t slot = 0; slot < links_.size(); slot++) static_cast<void>(Drops(slot));
  return counts_;
}

}  // namespace tapnet
