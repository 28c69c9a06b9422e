#include "filter_programs.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <vector>

#include "check.h"

namespace tapnet::test {

namespace {

using Random = std::mt19937;

uint32_t Below(Random& random, uint32_t limit) { return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random); }

// A program of every instruction that filters of ours have; jumps lead forward, and the last instruction returns. Each can be
// come to: a classic program may have others, but the kernel loads none that has.
std::vector<sock_filter> RandomFilter(Random& random) {
  const size_t length = 4 + Below(random, 40);
  std::vector<sock_filter> filter;
  while (filter.size() + 1 < length) {
    const auto left = static_cast<uint32_t>(length - filter.size() - 2);
    const auto target = [&] { return static_cast<uint8_t>(Below(random, left + 1)); };
    // Few bits, so that a comparison is often true; the highest one, so that the sign shows.
    const uint32_t value = Below(random, 4) | (Below(random, 2) << 31);
    const uint32_t at = Below(random, 24);
    switch (Below(random, 11)) {
      case 0: filter.push_back({BPF_LD | BPF_ABS | BPF_W, 0, 0, at}); break;
      case 1: filter.push_back({BPF_LD | BPF_ABS | BPF_H, 0, 0, at}); break;
      case 2: filter.push_back({BPF_LD | BPF_ABS | BPF_B, 0, 0, at}); break;
      case 3: filter.push_back({BPF_LD | BPF_IND | BPF_H, 0, 0, at}); break;
      case 4: filter.push_back({BPF_LDX | BPF_MSH | BPF_B, 0, 0, at}); break;
      case 5: filter.push_back({BPF_ALU | BPF_AND | BPF_K, 0, 0, value | 1}); break;
      case 6: filter.push_back({BPF_LD | BPF_ABS | BPF_W, 0, 0, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG)}); break;
      case 7: filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, target(), 0, value}); break;
      case 8: filter.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, target(), value}); break;
      case 9: filter.push_back({BPF_JMP | BPF_JSET | BPF_K, target(), 0, value | 1}); break;
      default:
        if (left == 0) break;
        filter.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, value | 1});
        filter.push_back({BPF_RET | BPF_K, 0, 0, Below(random, 2) * (1 + Below(random, 64))});
    }
  }
  filter.push_back({BPF_RET | BPF_K, 0, 0, 1 + Below(random, 64)});
  return filter;
}

struct Pair {
  UniqueFd in;
  UniqueFd out;

  Pair() {
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    in = UniqueFd(ends[0]);
    out = UniqueFd(ends[1]);
  }

  // How much of a frame comes through; -1: nothing.
  ssize_t Pass(const std::vector<uint8_t>& frame) const {
    static_cast<void>(send(in.get(), frame.data(), frame.size(), 0));
    std::array<uint8_t, 256> room;
    return recv(out.get(), room.data(), room.size(), MSG_DONTWAIT);
  }
};

const Register same("a filter's loaded program lets through what the filter does", []() -> std::string {
  Random random(20260101);
  FilterPrograms programs;
  const std::vector<sock_filter> everything = {{BPF_RET | BPF_K, 0, 0, UINT32_MAX}};
  if (programs.Find(everything) < 0) return std::string("needs the right to load BPF programs: ") + std::strerror(errno);
  size_t passed = 0;
  size_t stopped = 0;
  for (int round = 0; round < 400; round++) {
    const std::vector<sock_filter> filter = RandomFilter(random);
    const int program = programs.Find(filter);
    CHECK(program >= 0);
    CHECK(programs.Find(filter) == program);
    const Pair classic;
    const Pair extended;
    const sock_fprog code{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
    CHECK(setsockopt(classic.out.get(), SOL_SOCKET, SO_ATTACH_FILTER, &code, sizeof code) == 0);
    CHECK(setsockopt(extended.out.get(), SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) == 0);
    for (int one = 0; one < 40; one++) {
      std::vector<uint8_t> frame(1 + Below(random, 60));
      for (uint8_t& byte : frame) byte = static_cast<uint8_t>(Below(random, 3) == 0 ? Below(random, 256) : Below(random, 4));
      const ssize_t expected = classic.Pass(frame);
      CHECK(extended.Pass(frame) == expected);
      (expected > 0 ? passed : stopped)++;
    }
  }
  // Else the comparison says nothing.
  CHECK(passed > 1000);
  CHECK(stopped > 1000);
  return {};
});

const Register unknown("a filter with an instruction that is not translated is left to the kernel as it is", [] {
  CHECK(TranslateFilter(std::vector<sock_filter>{{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}}).empty());
  CHECK(TranslateFilter(std::vector<sock_filter>{{BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 1}, {BPF_RET | BPF_K, 0, 0, 1}}).empty());
  CHECK(FilterPrograms().Find(std::vector<sock_filter>{{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 1}}) == -1);
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
