#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>

namespace tapnet {

// Theory of operation
//
// Waits for an epoll on behalf of a thread that does nothing else. The kernel needs some 20 µs to wake a thread on another
// processor, which is several times what forwarding a frame takes; whoever looks again for that long finds most answers without
// having slept. But where the sender shares our processor, it cannot send while we look. So looking is done on credit: a look
// that finds something earns, one in vain costs, and who has no credit sleeps at once for a number of waits, which doubles each
// time. Nobody looks for long where frames are rare: each look in vain costs kLookNs, and then few are allowed.
class FrameWait {
 public:
  // As epoll_wait(2); with zero it only looks once. `looks` says whether looking is worth while now.
  int Wait(int epoll, std::span<epoll_event> ready, int wait_ms, bool looks);
  // Whether the last wait had to: otherwise there was more already when it began.
  bool waited() const { return waited_; }

 private:
  static constexpr int64_t kLookNs = 20'000;
  // What a call takes at most that finds something ready.
  static constexpr int64_t kImmediateNs = 2'000;
  static constexpr int kCreditMost = 8;
  static constexpr int kCostOfMiss = 2;
  static constexpr int kSleepsLeast = 8;
  static constexpr int kSleepsMost = 1024;

  int Look(int epoll, std::span<epoll_event> ready);
  void Earn();
  void Pay();

  bool waited_ = false;
  int credit_ = kCreditMost;
  int sleeps_ = 0;
  int next_sleeps_ = kSleepsLeast;
};

}  // namespace tapnet
