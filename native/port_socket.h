#pragma once

#include <napi.h>

#include <span>

#include "arguments.h"
#include "port_set.h"
#include "readable_event.h"

namespace tapnet {

// The JavaScript face of PortSet; wrapped by src/os/port-socket.ts.
class PortSocket : public Napi::ObjectWrap<PortSocket> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit PortSocket(const Napi::CallbackInfo& info);
  ~PortSocket() override;

 private:
  Napi::Value AddStream(const Napi::CallbackInfo& info);
  Napi::Value AddDgram(const Napi::CallbackInfo& info);
  Napi::Value AddPacket(const Napi::CallbackInfo& info);
  Napi::Value AddTap(const Napi::CallbackInfo& info);
  Napi::Value AddFeed(const Napi::CallbackInfo& info);
  Napi::Value Remove(const Napi::CallbackInfo& info);
  Napi::Value Shape(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Stay(const Napi::CallbackInfo& info);
  Napi::Value Events(const Napi::CallbackInfo& info);
  Napi::Value CheckPeers(const Napi::CallbackInfo& info);
  Napi::Value Counts(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  struct Outgoing {
    std::span<uint8_t> columns;
    size_t rows = 0;
    size_t count = 0;
  };
  static bool ReadOutgoing(Arguments& arguments, size_t first, Outgoing& outgoing);
  size_t SendOutgoing(std::span<uint8_t> slab, const Outgoing& outgoing);
  bool CheckOpen(Napi::Env env) const;
  bool CheckFree(Napi::Env env, uint32_t slot) const;
  Napi::Value Added(Napi::Env env, uint32_t slot, SysError error, std::unique_ptr<PortLink> link);
  void OnReadable() { readable_.Call({}); }

  // Of what `receive` is given.
  size_t rows_ = 1;
  size_t receive_bytes_ = 128;
  size_t row_bytes_ = 128;
  bool staying_ = false;
  PortSet set_;
  ReadableEvent<PortSocket> readable_{this};
};

}  // namespace tapnet
