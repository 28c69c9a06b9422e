// Whatever a netlink socket may deliver: nothing is read outside of it, and what is kept stays within its bounds.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "netlink_parse.h"

namespace {

constexpr uint32_t kPort = 77;
constexpr uint32_t kFirst = 1000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length) {
  if (length < 1) return 0;
  const size_t count = bytes[0] % 4 + 1;
  // A copy of exact size, so that the sanitizer sees its end.
  std::vector<uint8_t> datagram(bytes + 1, bytes + length);
  // Most headers that a fuzzer invents belong to somebody else: give the first one our port and sequence.
  if (datagram.size() >= 16) {
    const uint32_t sequence = kFirst + bytes[0] % 5;
    std::memcpy(datagram.data() + 8, &sequence, sizeof sequence);
    std::memcpy(datagram.data() + 12, &kPort, sizeof kPort);
  }
  tapnet::NetlinkReplies replies(kPort, kFirst, count);
  replies.Take(datagram);
  if (replies.answered() > count || replies.results().size() != count) std::abort();
  if (replies.messages().size() > datagram.size() + 4) std::abort();
  for (const auto& result : replies.results()) {
    if (result.error < 0 || result.error >= 4096 || result.text.size() > 512) std::abort();
  }
  for (size_t messages = 0; messages < 3; messages++) {
    if (tapnet::IsMessageRow(datagram, messages) && messages > datagram.size() / 16) std::abort();
  }
  return 0;
}
