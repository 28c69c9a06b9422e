#include "capture_feed.h"

namespace tapnet {

namespace {

constexpr uint16_t kLoadByte = BPF_LD | BPF_B | BPF_ABS;
constexpr uint16_t kLoadHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr uint16_t kLoadWord = BPF_LD | BPF_W | BPF_ABS;

constexpr sock_filter Load(uint16_t code, size_t at) { return {code, 0, 0, static_cast<uint32_t>(at)}; }

// What the kernel keeps beside a frame (`SKF_AD_…`).
sock_filter Ancillary(const sock_filter& instruction) {
  switch (instruction.k - static_cast<uint32_t>(SKF_AD_OFF)) {
    case SKF_AD_VLAN_TAG:
      return Load(kLoadHalf, feed::kTag);
    case SKF_AD_VLAN_TAG_PRESENT:
      return Load(kLoadByte, feed::kTagged);
    case SKF_AD_VLAN_TPID:
      return Load(kLoadHalf, feed::kTagType);
    default:
      return instruction;
  }
}

sock_filter Behind(sock_filter instruction) {
  const uint16_t kind = BPF_CLASS(instruction.code);
  const uint16_t mode = BPF_MODE(instruction.code);
  if (kind == BPF_RET) {
    const bool kept = BPF_RVAL(instruction.code) == BPF_K && instruction.k != 0;
    if (kept && instruction.k <= UINT32_MAX - feed::kHeaderBytes) instruction.k += feed::kHeaderBytes;
    return instruction;
  }
  if (kind != BPF_LD && kind != BPF_LDX) return instruction;
  if (mode == BPF_LEN && kind == BPF_LD) return Load(kLoadWord, feed::kLength);
  if (mode == BPF_ABS && instruction.k >= static_cast<uint32_t>(SKF_AD_OFF)) return Ancillary(instruction);
  if (mode == BPF_ABS || mode == BPF_IND || mode == BPF_MSH) instruction.k += feed::kHeaderBytes;
  return instruction;
}

}  // namespace

std::vector<sock_filter> FeedFilter(std::span<const sock_filter> filter) {
  // What has no frame passes whatever the filter says.
  std::vector<sock_filter> behind{
      Load(kLoadWord, feed::kLength),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
      {BPF_RET | BPF_K, 0, 0, UINT32_MAX},
  };
  for (const sock_filter& instruction : filter) behind.push_back(Behind(instruction));
  return behind;
}

}  // namespace tapnet
