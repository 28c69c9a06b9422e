#pragma once

#include <linux/bpf.h>
#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "fd.h"

namespace tapnet {

// Theory of operation
//
// A filter is a classic BPF program. Attached as such, the kernel checks, translates and compiles it for each socket anew, and
// each socket has a copy of its own: 170 to 250 µs a port, most of what opening one takes. All ports of a network have the same
// filter; so it is translated here and loaded once, and every socket gets a reference to that (SO_ATTACH_BPF). It also is one
// piece of code in the processor's cache, however many ports frames come from.
//
// Loading takes CAP_BPF or kernel.unprivileged_bpf_disabled=0, and Linux 5.1 for comparisons of 32 bits. Where it is refused, and
// for programs with instructions that are not known here, the classic way is taken.

// The same program for the extended machine (linux/bpf.h); empty where it has an instruction that filters of ours have not.
std::vector<bpf_insn> TranslateFilter(std::span<const sock_filter> filter);

// Programs that are loaded, by what they do.
class FilterPrograms {
 public:
  // A descriptor of the filter's program, which stays ours and is good until the next call; -1: attach the filter itself.
  int Find(std::span<const sock_filter> filter);
  // Sockets keep the programs that they have.
  void Clear() { programs_.clear(); }

 private:
  // A program that could not be loaded is not tried again.
  std::map<std::vector<uint64_t>, UniqueFd> programs_;
};

}  // namespace tapnet
