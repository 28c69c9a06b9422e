#pragma once

#include <napi.h>

namespace tapnet {

// enterNetworkNamespace(fd), unshareNetworkNamespace(): both change the calling thread only (setns(2), unshare(2)).
Napi::Value EnterNetworkNamespace(const Napi::CallbackInfo& info);
Napi::Value UnshareNetworkNamespace(const Napi::CallbackInfo& info);

}  // namespace tapnet
