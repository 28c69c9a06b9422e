#pragma once

#include <napi.h>

namespace tapnet {

// setScheduling(niceness, sliceNs): all threads of the process that the kernel schedules as usual (SCHED_OTHER, sched(7)).
Napi::Value SetScheduling(const Napi::CallbackInfo& info);

}  // namespace tapnet
