#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tapnet {

// A capture of a link that is no interface: a pair of sockets, over which whoever has the link sends a copy of each frame as a
// message, and through whose other end a CaptureChannel sees them. Filters and times are the kernel's there too.
//
// A message is a header and the frame, without its VLAN tag, as on a packet socket; numbers are big-endian, because filters load
// them. The same layout is in src/os/capture-feed.ts.
namespace feed {

// 0: it came in, 1: it was sent out.
constexpr size_t kOutgoing = 0;
constexpr size_t kTagged = 1;
constexpr size_t kTagType = 2;
constexpr size_t kTag = 4;
// The frame's length, without its tag; 0: there is none, and only `lost` is told.
constexpr size_t kLength = 8;
// Frames that found no room until then.
constexpr size_t kLost = 12;
constexpr size_t kHeaderBytes = 16;

}  // namespace feed

// What a filter for frames is for messages: each instruction looks behind the header, or into it for what the kernel would know.
std::vector<sock_filter> FeedFilter(std::span<const sock_filter> filter);

}  // namespace tapnet
