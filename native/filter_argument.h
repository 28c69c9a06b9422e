#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "arguments.h"

namespace tapnet {

// A Uint32Array of two words for each instruction: code | jt << 16 | jf << 24, and k. The kernel checks the program itself.
inline std::vector<sock_filter> FilterOf(Arguments& arguments, size_t index) {
  const std::span<const uint32_t> words = arguments.Column<uint32_t>(index, "filter", 2, 2 * BPF_MAXINSNS);
  std::vector<sock_filter> filter;
  filter.reserve(words.size() / 2);
  for (size_t word = 0; word + 1 < words.size(); word += 2) {
    filter.push_back({.code = static_cast<uint16_t>(words[word]),
                      .jt = static_cast<uint8_t>(words[word] >> 16),
                      .jf = static_cast<uint8_t>(words[word] >> 24),
                      .k = words[word + 1]});
  }
  return filter;
}

}  // namespace tapnet
