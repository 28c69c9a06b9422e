#include "close_all.h"

#include <pthread.h>

#include <algorithm>
#include <limits.h>

namespace tapnet {

namespace {

constexpr size_t kThreadsMax = 64;
constexpr size_t kStackBytes = 64 * 1024;

struct Share {
  std::vector<UniqueFd>* descriptors;
  size_t first;
  size_t step;
  pthread_t thread;
  bool started;
};

void* CloseShare(void* argument) {
  const auto* share = static_cast<const Share*>(argument);
  for (size_t index = share->first; index < share->descriptors->size(); index += share->step) {
    (*share->descriptors)[index].Reset();
  }
  return nullptr;
}

}  // namespace

void CloseAll(std::vector<UniqueFd>& descriptors) {
  const size_t threads = std::min(descriptors.size(), kThreadsMax);
  std::vector<Share> shares;
  for (size_t first = 0; first < threads; first++) shares.push_back({&descriptors, first, threads, {}, false});
  pthread_attr_t attributes;
  const bool parallel = threads > 1 && pthread_attr_init(&attributes) == 0;
  if (parallel) {
    static_cast<void>(pthread_attr_setstacksize(&attributes, std::max<size_t>(kStackBytes, PTHREAD_STACK_MIN)));
    for (size_t index = 1; index < threads; index++) {
      shares[index].started = pthread_create(&shares[index].thread, &attributes, CloseShare, &shares[index]) == 0;
    }
    pthread_attr_destroy(&attributes);
  }
  // What found no thread is closed on this one.
  for (Share& share : shares) {
    if (!share.started) CloseShare(&share);
  }
  for (const Share& share : shares) {
    if (share.started) pthread_join(share.thread, nullptr);
  }
  descriptors.clear();
}

}  // namespace tapnet
