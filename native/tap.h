#pragma once

#include <napi.h>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

// One queue of a TAP device; wrapped by src/os/tap.ts.
class Tap : public Napi::ObjectWrap<Tap> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Tap(const Napi::CallbackInfo& info);

  // Takes the descriptors of many TAPs and closes them on a pool thread: closeTapsLater(taps) → promise.
  static Napi::Value CloseLater(const Napi::CallbackInfo& info);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value Name(const Napi::CallbackInfo& info);
  Napi::Value Ifindex(const Napi::CallbackInfo& info);
  Napi::Value SetPersist(const Napi::CallbackInfo& info);
  Napi::Value SetOffloads(const Napi::CallbackInfo& info);
  Napi::Value SetOwner(const Napi::CallbackInfo& info);
  Napi::Value SetGroup(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value Control(const Napi::CallbackInfo& info, unsigned long request, const char* syscall, unsigned long value);

  UniqueFd fd_;
  std::string name_;
  uint32_t ifindex_ = 0;
};

// interfaceIndex(name) → number
Napi::Value InterfaceIndex(const Napi::CallbackInfo& info);

}  // namespace tapnet
