#pragma once

#include <napi.h>

#include "readable_event.h"
#include "unix_channel.h"

namespace tapnet {

// One connection of a SOCK_SEQPACKET unix socket; wrapped by src/os/unix-socket.ts. It begins unconnected.
class UnixConnection : public Napi::ObjectWrap<UnixConnection> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit UnixConnection(const Napi::CallbackInfo& info);

  // The connection behind a JavaScript value; null for anything else.
  static UnixConnection* From(const Napi::Value& value);
  bool connected() const { return fd_.valid(); }
  void Adopt(UniqueFd fd) { fd_ = std::move(fd); }

 private:
  Napi::Value Connect(const Napi::CallbackInfo& info);
  Napi::Value Peer(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value Unwatch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  bool CheckConnected(Napi::Env env) const;
  void OnReadable() { readable_.Call({}); }

  UniqueFd fd_;
  ReadableEvent<UnixConnection> readable_{this};
};

// A listening SOCK_SEQPACKET unix socket.
class UnixListener : public Napi::ObjectWrap<UnixListener> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit UnixListener(const Napi::CallbackInfo& info);

 private:
  Napi::Value Accept(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value Unwatch(const Napi::CallbackInfo& info);
  Napi::Value SetReferenced(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnReadable() { readable_.Call({}); }

  UniqueFd fd_;
  ReadableEvent<UnixListener> readable_{this};
};

// peerCredentials(fd) → {pid, uid, gid, groups}
Napi::Value PeerCredentialsOf(const Napi::CallbackInfo& info);
// sendUnixDatagram(path, bytes)
Napi::Value SendUnixDatagramTo(const Napi::CallbackInfo& info);

}  // namespace tapnet
