#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

// Frames to be sent, row by row; they lie anywhere in `slab`.
struct SendColumns {
  std::span<const uint8_t> slab;
  std::span<const uint32_t> ifindex;
  std::span<const uint32_t> offset;
  std::span<const uint32_t> length;
};

// Sends whole frames on any interface through one packet socket. It has protocol 0, so it receives nothing and costs the
// data path nothing.
class FrameSender {
 public:
  FrameSender();
  ~FrameSender();

  // caps: NET_RAW
  SysError Open();
  // Hands over the socket: close(2) of a packet socket takes 10 ms.
  UniqueFd Close();

  // Returns how many of the first `count` frames the kernel took. A frame that it refuses (the link is down or gone, its
  // queue is full, the frame too long or its row nonsense) is counted and left out; the others are sent all the same.
  size_t Send(const SendColumns& columns, size_t count);

  uint64_t sent() const { return sent_; }
  uint64_t errors() const { return errors_; }

 private:
  struct Scratch;
  size_t Prepare(const SendColumns& columns, size_t& row, size_t count);
  size_t SendPrepared(size_t count);

  UniqueFd fd_;
  uint64_t sent_ = 0;
  uint64_t errors_ = 0;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace tapnet
