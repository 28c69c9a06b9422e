#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <memory>
#include <span>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

// Columns of captured frames, one element a row; each row has an equal share of the slab.
struct CaptureColumns {
  std::span<uint8_t> slab;
  std::span<uint32_t> offset;
  std::span<uint32_t> length;
  // The frame's length on the link: what is kept of it may be less.
  std::span<uint32_t> original;
  std::span<uint8_t> flags;
  // When the kernel took it, since 1970.
  std::span<uint32_t> seconds;
  std::span<uint32_t> nanoseconds;
};

// Bit of CaptureColumns::flags: the host sent it out by this interface.
constexpr uint8_t kCaptureOutgoing = 1;

struct CaptureCounts {
  // Frames that passed the filter, and those of them that found no room.
  uint64_t received = 0;
  uint64_t dropped = 0;
};

// A packet socket that sees the frames of one interface, both ways, or the end of a feed (capture_feed.h). It can be opened
// in one process and read in another.
class CaptureChannel {
 public:
  CaptureChannel();
  ~CaptureChannel();

  // The socket refuses everything until SetFilter. caps: NET_RAW, and NET_ADMIN for more memory than the system's limit
  SysError Open(uint32_t ifindex, int receive_bytes);
  // Takes a socket that another process has opened: a packet socket, or the end of a feed. The descriptor is the channel's
  // from then on, also after a failure.
  SysError Adopt(int fd);
  void Close();
  bool open() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  bool fed() const { return fed_; }

  // Lets these frames in, and forgets those that wait: they have passed another filter.
  SysError SetFilter(std::span<const sock_filter> filter);
  // Fills rows and returns how many; never blocks. A VLAN tag that the kernel took out is put back.
  size_t Receive(const CaptureColumns& columns);
  CaptureCounts Counts();
  // Whether the interface is gone for good, or who feeds it.
  bool Vanished() const;

 private:
  struct Scratch;
  void Keep(const CaptureColumns& columns, size_t row, size_t index);
  size_t KeepFed(const CaptureColumns& columns, size_t received, size_t stride);

  UniqueFd fd_;
  bool fed_ = false;
  // Of a feed: nobody sends any more.
  bool ended_ = false;
  uint32_t lost_before_ = 0;
  CaptureCounts counts_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace tapnet
