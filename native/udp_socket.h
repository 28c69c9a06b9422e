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
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Serve(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  bool ReadColumns(Arguments& arguments, size_t first, UdpColumns& columns);
  // What a wake-up needs of JavaScript.
  struct Wake {
    napi_value receiver;
    napi_value on_datagrams;
    Napi::ArrayBuffer received;
    Napi::ArrayBuffer answers;
  };
  // Receives, has answered and sends until nothing waits. When one client asks, its next question is often there before the
  // answer's system call has returned: to look once more is cheaper than a turn of the event loop.
  void OnReadable();
  // Hands `count` received rows to JavaScript and sends what it answers. False where there shall be no further round: the
  // socket was closed, or something was thrown.
  bool Answer(Napi::Env env, const Wake& wake, size_t count);

  // A batch of JavaScript's, held as long as the socket is served.
  struct Batch {
    Napi::Reference<Napi::ArrayBuffer> buffer;
    UdpColumns columns;
  };

  UdpChannel channel_;
  Batch received_;
  Batch answers_;
  bool mostly_one_ = true;
  ReadableEvent<UdpSocket> readable_{this};
};

}  // namespace tapnet
