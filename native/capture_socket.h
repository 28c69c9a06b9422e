#pragma once

#include <napi.h>

#include "capture_channel.h"
#include "readable_event.h"

namespace tapnet {

// The JavaScript face of CaptureChannel; wrapped by src/os/capture-socket.ts.
class CaptureSocket : public Napi::ObjectWrap<CaptureSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit CaptureSocket(const Napi::CallbackInfo& info);

 private:
  Napi::Value Fd(const Napi::CallbackInfo& info);
  Napi::Value SetFilter(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Counts(const Napi::CallbackInfo& info);
  Napi::Value Vanished(const Napi::CallbackInfo& info);
  Napi::Value Fed(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnReadable() { readable_.Call({}); }

  CaptureChannel channel_;
  ReadableEvent<CaptureSocket> readable_{this};
};

}  // namespace tapnet
