#pragma once

#include <napi.h>

#include "frame_poller.h"
#include "frame_sender.h"
#include "readable_event.h"

namespace tapnet {

// The JavaScript face of FramePoller and FrameSender; wrapped by src/os/frame-socket.ts.
class FrameSocket : public Napi::ObjectWrap<FrameSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit FrameSocket(const Napi::CallbackInfo& info);
  ~FrameSocket() override;

 private:
  Napi::Value Add(const Napi::CallbackInfo& info);
  Napi::Value SetFilter(const Napi::CallbackInfo& info);
  Napi::Value Remove(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Down(const Napi::CallbackInfo& info);
  Napi::Value RemoveVanished(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Drops(const Napi::CallbackInfo& info);
  Napi::Value Counts(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  bool RemoveLink(Napi::Env env, uint32_t slot);
  bool CheckOpen(Napi::Env env) const;
  void OnReadable() { readable_.Call({}); }

  FramePoller poller_;
  FrameSender sender_;
  ReadableEvent<FrameSocket> readable_{this};
};

}  // namespace tapnet
