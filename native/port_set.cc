#include "port_set.h"

#include <sys/epoll.h>

#include <array>
#include <utility>

#include "link_scratch.h"

namespace tapnet {

namespace {

constexpr size_t kEventsMax = 64;
// In the epoll's data: the slot, and whether it is the listener's descriptor.
constexpr uint64_t kListener = uint64_t{1} << 32;
// Instead of a slot: the event loop's.
constexpr uint64_t kLoop = uint64_t{1} << 33;
// After a batch of more frames, sleeping until there are some more again costs each of them less than looking does.
constexpr size_t kFewRows = 4;

}  // namespace

PortSet::PortSet() = default;

PortSet::~PortSet() = default;

SysError PortSet::Open() {
  scratch_ = std::make_unique<LinkScratch>();
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  return epoll_.valid() ? SysError{} : LastError("epoll_create1", "port socket");
}

std::vector<UniqueFd> PortSet::Close() {
  std::vector<UniqueFd> descriptors;
  for (auto& link : links_) {
    if (link != nullptr) link->TakeDescriptors(descriptors);
  }
  links_.clear();
  events_.clear();
  epoll_.Reset();
  scratch_.reset();
  return descriptors;
}

SysError PortSet::Watch(int fd, uint32_t slot, bool listener) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = slot | (listener ? kListener : 0);
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? SysError{} : LastError("epoll_ctl", "port socket");
}

SysError PortSet::Add(uint32_t slot, std::unique_ptr<PortLink> link) {
  const bool stream = link->kind() == PortLink::Kind::kStream;
  if (SysError error = Watch(stream ? link->listener() : link->fd(), slot, stream); error.failed()) return error;
  if (slot >= links_.size()) links_.resize(slot + 1);
  links_[slot] = std::move(link);
  return {};
}

// Closing a descriptor takes it out of the epoll only if nobody has a duplicate, as of a TAP.
std::vector<UniqueFd> PortSet::Remove(uint32_t slot) {
  std::vector<UniqueFd> descriptors;
  if (!Has(slot)) return descriptors;
  links_[slot]->TakeDescriptors(descriptors);
  links_[slot] = nullptr;
  for (const UniqueFd& descriptor : descriptors) {
    if (descriptor.valid()) static_cast<void>(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor.get(), nullptr));
  }
  return descriptors;
}

SysError PortSet::WatchLoop(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kLoop;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? SysError{} : LastError("epoll_ctl", "event loop");
}

void PortSet::UnwatchLoop(int fd) { static_cast<void>(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr)); }

size_t PortSet::Receive(PortColumns& columns, int wait_ms) {
  turn_++;
  loop_ready_ = false;
  std::array<epoll_event, kEventsMax> ready;
  for (;;) {
    const int count = wait_.Wait(epoll_.get(), ready, std::exchange(wait_ms, 0), rows_before_ <= kFewRows);
    if (count <= 0) break;
    bool served = false;
    for (int index = 0; index < count; index++) {
      const uint64_t data = ready[index].data.u64;
      if (data == kLoop) {
        loop_ready_ = true;
        continue;
      }
      const auto slot = static_cast<uint32_t>(data);
      if (!Has(slot)) continue;
      const bool listener = (data & kListener) != 0;
      if (!listener && links_[slot]->turn == turn_) continue;
      Serve(slot, listener, ready[index].events, columns);
      served = served || !listener;
    }
    // With fewer than asked for, all have had their turn.
    if (!served || static_cast<size_t>(count) < kEventsMax) break;
  }
  rows_before_ = columns.rows;
  return columns.rows;
}

void PortSet::Serve(uint32_t slot, bool listener, uint32_t happened, PortColumns& columns) {
  if (listener) {
    Accept(slot);
    return;
  }
  PortLink& link = *links_[slot];
  // Ready again at once: it has more than was taken.
  if (!wait_.waited() && link.turn + 1 == turn_) link.ExpectMany();
  link.turn = turn_;
  if ((happened & EPOLLOUT) != 0) {
    link.Flush(*scratch_);
    WatchWritable(slot);
  }
  if ((happened & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return;
  const LinkEvent event = link.Receive(slot, columns, *scratch_);
  if (event != LinkEvent::kNone) Break(slot, event);
}

void PortSet::Accept(uint32_t slot) {
  PortLink& link = *links_[slot];
  if (!link.Accept()) return;
  if (Watch(link.fd(), slot, false).failed()) {
    static_cast<void>(link.Disconnect());
    return;
  }
  events_.push_back({slot, LinkEvent::kConnected});
}

// A stream's peer may come again; a link of another kind is at its end, and is only not listened to any more.
void PortSet::Break(uint32_t slot, LinkEvent what) {
  PortLink& link = *links_[slot];
  static_cast<void>(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link.fd(), nullptr));
  if (link.kind() == PortLink::Kind::kStream) static_cast<void>(link.Disconnect());
  events_.push_back({slot, what});
}

// Level-triggered, so it is asked for only while something waits.
void PortSet::WatchWritable(uint32_t slot) {
  PortLink& link = *links_[slot];
  if (link.waiting() == link.wants_writable || link.fd() < 0) return;
  epoll_event event{};
  event.events = link.waiting() ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = slot;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, link.fd(), &event) == 0) link.wants_writable = link.waiting();
}

size_t PortSet::Send(std::span<const uint8_t> slab, std::span<const uint32_t> port, std::span<const uint32_t> offset,
                     std::span<const uint32_t> length, size_t count) {
  if (next_.size() < count) next_.resize(count);
  touched_.clear();
  for (uint32_t row = 0; row < count; row++) {
    const size_t bytes = length[row];
    if (!Has(port[row]) || bytes < kFrameLeast || bytes > kFrameMost) continue;
    if (offset[row] > slab.size() || bytes > slab.size() - offset[row]) continue;
    PortLink& link = *links_[port[row]];
    if (link.chain_first == kNoRow) {
      link.chain_first = row;
      touched_.push_back(port[row]);
    } else {
      next_[link.chain_last] = row;
    }
    link.chain_last = row;
    next_[row] = kNoRow;
  }
  size_t taken = 0;
  for (const uint32_t slot : touched_) {
    PortLink& link = *links_[slot];
    const FrameChain chain{.slab = slab, .offset = offset, .length = length, .next = next_, .first = link.chain_first};
    link.chain_first = kNoRow;
    taken += link.Send(chain, *scratch_);
    WatchWritable(slot);
  }
  return taken;
}

std::vector<PortSet::Event> PortSet::TakeEvents() { return std::exchange(events_, {}); }

void PortSet::CheckPeers() {
  for (uint32_t slot = 0; slot < links_.size(); slot++) {
    if (!Has(slot)) continue;
    links_[slot]->CheckPeer();
    WatchWritable(slot);
  }
}

}  // namespace tapnet
