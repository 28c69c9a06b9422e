#include "scheduling.h"

#include <dirent.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "arguments.h"

namespace tapnet {

namespace {

// struct sched_attr of sched_setattr(2), its first version. Under a name of our own, because newer C libraries have it too.
struct Attributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};

constexpr int64_t kMinimumSliceNs = 100'000;
constexpr int64_t kMaximumSliceNs = 100'000'000;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

bool IsGone() { return errno == ESRCH; }

}  // namespace

// caps: SYS_NICE for a lower niceness
Napi::Value SetScheduling(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info, "setScheduling");
  const auto niceness = static_cast<int32_t>(arguments.Integer(0, "niceness", -20, 19));
  const auto slice_ns = static_cast<uint64_t>(arguments.Integer(1, "sliceNs", kMinimumSliceNs, kMaximumSliceNs));
  if (!arguments.ok()) return env.Undefined();
  const std::unique_ptr<DIR, CloseFolder> threads(opendir("/proc/self/task"));
  if (threads == nullptr) return Throw(env, LastError("opendir", "/proc/self/task"));
  while (const dirent* entry = readdir(threads.get())) {
    const auto thread = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10));
    if (thread <= 0) continue;
    Attributes attributes{};
    if (syscall(SYS_sched_getattr, thread, &attributes, sizeof attributes, 0U) != 0) {
      if (IsGone()) continue;
      return Throw(env, LastError("sched_getattr", "a thread of this process"));
    }
    // Whoever has chosen another policy knows why.
    if (attributes.policy != SCHED_OTHER) continue;
    attributes.nice = niceness;
    attributes.runtime = slice_ns;
    if (syscall(SYS_sched_setattr, thread, &attributes, 0U) != 0 && !IsGone())
      return Throw(env, LastError("sched_setattr", "a thread of this process"));
  }
  return env.Undefined();
}

}  // namespace tapnet
