#pragma once

#include <napi.h>

#include "readable_event.h"
#include "udp_channel.h"

namespace tapnet {

// The JavaScript face of UdpChannel; wrapped by src/os/udp-socket.ts.
class UdpSocket : public Napi::ObjectWrap<UdpSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit UdpSocket(const Napi::CallbackInfo& info);

 private:
  Napi::Value Port(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  bool ReadColumns(Arguments& arguments, UdpColumns& columns);
  void OnReadable() { readable_.Call({}); }

  UdpChannel channel_;
  ReadableEvent<UdpSocket> readable_{this};
};

}  // namespace tapnet
