#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "filter_programs.h"
#include "packet_link.h"

namespace tapnet {

// Columns of received frames, row by row; `stride` bytes of `slab` belong to each row.
struct FrameColumns {
  std::span<uint8_t> slab;
  std::span<uint32_t> slot;
  std::span<uint32_t> offset;
  std::span<uint32_t> length;
  std::span<uint8_t> flags;
};

// Bits of FrameColumns::flags; the same as FRAME_FLAG in src/frame/batch.ts.
constexpr uint8_t kChecksumPartial = 1;
constexpr uint8_t kTruncated = 2;

struct FrameCounts {
  uint64_t received = 0;
  uint64_t receive_drops = 0;
  uint64_t tagged = 0;
};

// Theory of operation
//
// Each link has a packet socket of its own; all of them are in one epoll, and the event loop watches only that. A wake-up
// takes at most `budget` frames of each link and at most one batch in all. What is left keeps the epoll readable, so the
// loop comes back after it has served others: a guest that floods delays nobody else, and fills only its own queue, where
// the kernel drops. epoll hands out ready links in turn, so that a full batch does not always begin with the same link.
//
// When an interface goes down its socket fails once; then it is silent, and receives again when the link is up. An interface
// that vanishes goes down first, and nothing tells when it is gone for good: Vanished() looks, and is to be called now and
// then while there are links that are down.
class FramePoller {
 public:
  FramePoller();
  ~FramePoller();
  SysError Open();
  // Hands over all sockets, as Remove does.
  std::vector<UniqueFd> Close();
  bool open() const { return epoll_.valid(); }
  int fd() const { return epoll_.get(); }

  // The slot must be free.
  SysError Add(uint32_t slot, uint32_t ifindex, std::span<const sock_filter> filter, const PacketLinkOptions& options);
  // The slot must be taken. Frames that wait already have passed the filter of before.
  SysError SetFilter(uint32_t slot, std::span<const sock_filter> filter);
  // Takes the link out and hands over its socket, which the caller should close where nobody waits for it: close(2) of a packet
  // socket takes 10 ms. Nothing is received from it any more. Not valid if the slot is free already.
  UniqueFd Remove(uint32_t slot);
  bool Has(uint32_t slot) const { return slot < links_.size() && links_[slot] != nullptr; }

  // Fills the columns and returns the number of rows.
  size_t Receive(const FrameColumns& columns, size_t budget);

  // Links that failed and have not received since.
  size_t down() const { return down_; }
  // Links whose interface is gone; they are to be removed.
  std::vector<uint32_t> Vanished() const;

  // Frames that this link lost because its queue was full; counted since it was added.
  uint64_t Drops(uint32_t slot);
  // Of all links, also those that are removed.
  FrameCounts Counts();

 private:
  struct Link {
    UniqueFd fd;
    uint32_t ifindex;
    uint64_t drops = 0;
    uint64_t turn = 0;
    bool down = false;
  };
  struct Scratch;

  void Prepare(uint8_t* place, size_t stride, size_t count);
  size_t ReceiveFrom(uint32_t slot, const FrameColumns& columns, size_t first, size_t limit);
  size_t Keep(uint32_t slot, const FrameColumns& columns, size_t first, size_t received);
  void SetDown(uint32_t slot, bool down);

  UniqueFd epoll_;
  FilterPrograms programs_;
  std::vector<std::unique_ptr<Link>> links_;
  size_t down_ = 0;
  FrameCounts counts_;
  uint64_t turn_ = 0;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace tapnet
