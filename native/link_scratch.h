#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>

#include "packet_link.h"

namespace tapnet {

// What one call to the kernel is described with; one for all links of a set.
struct LinkScratch {
  // Datagrams of one call.
  static constexpr size_t kMessages = 64;
  // IOV_MAX of Linux.
  static constexpr size_t kParts = 1024;

  struct alignas(cmsghdr) Control {
    std::array<uint8_t, kPacketNotesBytes> bytes;
  };
  std::array<mmsghdr, kMessages> messages;
  std::array<iovec, kParts> parts;
  std::array<uint32_t, kParts> prefixes;
  std::array<Control, kMessages> controls;
};

}  // namespace tapnet
