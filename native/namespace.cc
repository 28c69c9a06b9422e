#include "namespace.h"

#include <sched.h>

#include "arguments.h"

namespace tapnet {

// caps: SYS_ADMIN, in the namespace's user namespace and in the thread's own
Napi::Value EnterNetworkNamespace(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info, "enterNetworkNamespace");
  const int fd = arguments.Fd(0, "fd");
  if (!arguments.ok()) return env.Undefined();
  if (setns(fd, CLONE_NEWNET) != 0) return Throw(env, LastError("setns", "network namespace"));
  return env.Undefined();
}

// caps: SYS_ADMIN
Napi::Value UnshareNetworkNamespace(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (unshare(CLONE_NEWNET) != 0) return Throw(env, LastError("unshare", "network namespace"));
  return env.Undefined();
}

}  // namespace tapnet
