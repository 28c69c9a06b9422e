#pragma once

#include <napi.h>

#include <memory>

#include "netlink_channel.h"
#include "readable_event.h"

namespace tapnet {

// The JavaScript face of NetlinkChannel; wrapped by src/os/netlink.ts.
class NetlinkSocket : public Napi::ObjectWrap<NetlinkSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit NetlinkSocket(const Napi::CallbackInfo& info);

 private:
  Napi::Value Transact(const Napi::CallbackInfo& info);
  Napi::Value Dump(const Napi::CallbackInfo& info);
  Napi::Value Subscribe(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  bool MayAsk(Napi::Env env) const;
  void OnReadable();

  int protocol_ = 0;
  NetlinkChannel channel_;
  ReadableEvent<NetlinkSocket> readable_{this};
  std::vector<uint8_t> drained_;
};

// transactLater(protocol, messages, count) and dumpLater(protocol, message): the same on a socket of their own, on a pool
// thread. The socket is opened by the caller's thread, so it belongs to the caller's network namespace.
Napi::Value TransactLater(const Napi::CallbackInfo& info);
Napi::Value DumpLater(const Napi::CallbackInfo& info);

}  // namespace tapnet
