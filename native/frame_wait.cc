#include "frame_wait.h"

#include <algorithm>
#include <ctime>

namespace tapnet {

namespace {

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int FrameWait::Wait(int epoll, std::span<epoll_event> ready, int wait_ms, bool looks) {
  const auto most = static_cast<int>(ready.size());
  if (wait_ms > 0 && (sleeps_ > 0 || !looks)) {
    if (sleeps_ > 0) sleeps_--;
    const int64_t begin = NowNs();
    const int count = epoll_wait(epoll, ready.data(), most, wait_ms);
    waited_ = NowNs() - begin > kImmediateNs;
    return count;
  }
  int count = epoll_wait(epoll, ready.data(), most, 0);
  waited_ = count == 0;
  if (!waited_ || wait_ms == 0) return count;
  count = Look(epoll, ready);
  return count != 0 ? count : epoll_wait(epoll, ready.data(), most, wait_ms);
}

int FrameWait::Look(int epoll, std::span<epoll_event> ready) {
  const int64_t end = NowNs() + kLookNs;
  do {
    const int count = epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), 0);
    if (count == 0) continue;
    Earn();
    return count;
  } while (NowNs() < end);
  Pay();
  return 0;
}

void FrameWait::Earn() {
  credit_ = std::min(credit_ + 1, kCreditMost);
  if (credit_ == kCreditMost) next_sleeps_ = kSleepsLeast;
}

void FrameWait::Pay() {
  credit_ -= kCostOfMiss;
  if (credit_ > 0) return;
  sleeps_ = next_sleeps_;
  next_sleeps_ = std::min(next_sleeps_ * 2, kSleepsMost);
  credit_ = kCostOfMiss;
}

}  // namespace tapnet
