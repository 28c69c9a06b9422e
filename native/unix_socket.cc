#include "unix_socket.h"

#include <algorithm>

#include "arguments.h"

namespace tapnet {

namespace {

constexpr const char* kConnection = "the unix connection";
constexpr const char* kListener = "the unix listener";
constexpr napi_type_tag kTypeTag = {0x7461706e65740002, 0xb55a0c87d1f3496e};
constexpr int kBacklogMax = 4096;

Napi::Value ToPeer(Napi::Env env, int fd) {
  PeerCredentials peer;
  if (const SysError error = PeerOf(fd, peer); error.failed()) return Throw(env, error);
  Napi::Object object = Napi::Object::New(env);
  Napi::Array groups = Napi::Array::New(env, peer.groups.size());
  if (object.IsEmpty() || groups.IsEmpty()) return {};
  for (size_t index = 0; index < peer.groups.size(); index++) {
    groups.Set(static_cast<uint32_t>(index), Napi::Number::New(env, peer.groups[index]));
  }
  object.Set("pid", Napi::Number::New(env, peer.pid));
  object.Set("uid", Napi::Number::New(env, peer.uid));
  object.Set("gid", Napi::Number::New(env, peer.gid));
  object.Set("groups", groups);
  return object;
}

}  // namespace

Napi::Function UnixConnection::Define(Napi::Env env) {
  return DefineClass(env, "UnixConnection",
                     {
                         InstanceMethod<&UnixConnection::Connect>("connect"),
                         InstanceMethod<&UnixConnection::Peer>("peer"),
                         InstanceMethod<&UnixConnection::Receive>("receive"),
                         InstanceMethod<&UnixConnection::Send>("send"),
                         InstanceMethod<&UnixConnection::Watch>("watch"),
                         InstanceMethod<&UnixConnection::Unwatch>("unwatch"),
                         InstanceMethod<&UnixConnection::SetReferenced>("setReferenced"),
                         InstanceMethod<&UnixConnection::Close>("close"),
                     });
}

UnixConnection::UnixConnection(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UnixConnection>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTypeTag);
}

UnixConnection* UnixConnection::From(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTypeTag)) return nullptr;
  return Unwrap(value.As<Napi::Object>());
}

bool UnixConnection::CheckConnected(Napi::Env env) const {
  if (!fd_.valid()) ThrowClosed(env, kConnection);
  return fd_.valid();
}

Napi::Value UnixConnection::Connect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (connected()) return ThrowState(env, "INVALID_STATE", "the unix connection is connected already");
  Arguments arguments(info, "UnixConnection.connect");
  const std::string path = arguments.String(0, "path", kUnixPathMax);
  if (!arguments.ok()) return env.Undefined();
  if (const SysError error = ConnectUnix(path, fd_); error.failed()) return Throw(env, error);
  return env.Undefined();
}

Napi::Value UnixConnection::Peer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return CheckConnected(env) ? ToPeer(env, fd_.get()) : env.Undefined();
}

// receive(bytes, descriptors: Int32Array) → length of the message, 0 at the end, -1 when nothing waits. Descriptors that
// came with it are the caller's from here on; unused elements become -1.
Napi::Value UnixConnection::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckConnected(env)) return env.Undefined();
  Arguments arguments(info, "UnixConnection.receive");
  const std::span<uint8_t> bytes = arguments.Bytes(0, "bytes", 1);
  const std::span<int32_t> room = arguments.Column<int32_t>(1, "descriptors");
  if (!arguments.ok()) return env.Undefined();
  std::vector<UniqueFd> descriptors;
  size_t length = 0;
  UnixReceived what = UnixReceived::kNothing;
  const SysError error = ReceiveUnix(fd_.get(), bytes, length, room.size(), descriptors, what);
  if (error.failed()) return Throw(env, error);
  std::fill(room.begin(), room.end(), -1);
  for (size_t index = 0; index < descriptors.size(); index++) room[index] = descriptors[index].Release();
  if (what == UnixReceived::kNothing) return Napi::Number::New(env, -1);
  return Napi::Number::New(env, static_cast<double>(length));
}

// send(bytes, descriptor): -1 for none
Napi::Value UnixConnection::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckConnected(env)) return env.Undefined();
  Arguments arguments(info, "UnixConnection.send");
  const std::span<const uint8_t> bytes = arguments.Bytes(0, "bytes", 1);
  const int descriptor = static_cast<int>(arguments.Integer(1, "descriptor", -1, INT32_MAX));
  if (!arguments.ok()) return env.Undefined();
  if (const SysError error = SendUnix(fd_.get(), bytes, descriptor); error.failed()) return Throw(env, error);
  return env.Undefined();
}

Napi::Value UnixConnection::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckConnected(env)) return env.Undefined();
  Arguments arguments(info, "UnixConnection.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(fd_.get(), on_readable, kConnection, &UnixConnection::OnReadable);
  return env.Undefined();
}

Napi::Value UnixConnection::Unwatch(const Napi::CallbackInfo& info) {
  readable_.Stop();
  return info.Env().Undefined();
}

Napi::Value UnixConnection::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value UnixConnection::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  fd_.Reset();
  return info.Env().Undefined();
}

Napi::Function UnixListener::Define(Napi::Env env) {
  return DefineClass(env, "UnixListener",
                     {
                         InstanceMethod<&UnixListener::Accept>("accept"),
                         InstanceMethod<&UnixListener::Watch>("watch"),
                         InstanceMethod<&UnixListener::Unwatch>("unwatch"),
                         InstanceMethod<&UnixListener::SetReferenced>("setReferenced"),
                         InstanceMethod<&UnixListener::Close>("close"),
                     });
}

// new UnixListener(path, mode, backlog)
UnixListener::UnixListener(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UnixListener>(info) {
  Arguments arguments(info, "UnixListener");
  const std::string path = arguments.String(0, "path", kUnixPathMax);
  const auto mode = static_cast<mode_t>(arguments.Integer(1, "mode", 0, 0777));
  const int backlog = static_cast<int>(arguments.Integer(2, "backlog", 1, kBacklogMax));
  if (!arguments.ok()) return;
  if (const SysError error = ListenUnix(path, mode, backlog, fd_); error.failed()) Throw(info.Env(), error);
}

// accept(connection) → false when nobody waits
Napi::Value UnixListener::Accept(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fd_.valid()) return ThrowClosed(env, kListener);
  UnixConnection* connection = UnixConnection::From(info[0]);
  if (connection == nullptr || connection->connected()) {
    return ThrowState(env, "INVALID_ARGUMENT", "UnixListener.accept: connection must be a UnixConnection without a peer");
  }
  UniqueFd fd;
  if (const SysError error = AcceptUnix(fd_.get(), fd); error.failed()) return Throw(env, error);
  const bool accepted = fd.valid();
  if (accepted) connection->Adopt(std::move(fd));
  return Napi::Boolean::New(env, accepted);
}

Napi::Value UnixListener::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fd_.valid()) return ThrowClosed(env, kListener);
  Arguments arguments(info, "UnixListener.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(fd_.get(), on_readable, kListener, &UnixListener::OnReadable);
  return env.Undefined();
}

Napi::Value UnixListener::Unwatch(const Napi::CallbackInfo& info) {
  readable_.Stop();
  return info.Env().Undefined();
}

Napi::Value UnixListener::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value UnixListener::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  fd_.Reset();
  return info.Env().Undefined();
}

Napi::Value PeerCredentialsOf(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "peerCredentials");
  const int fd = arguments.Fd(0, "fd");
  return arguments.ok() ? ToPeer(info.Env(), fd) : info.Env().Undefined();
}

Napi::Value SendUnixDatagramTo(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Arguments arguments(info, "sendUnixDatagram");
  const std::string path = arguments.String(0, "path", kUnixPathMax);
  const std::span<const uint8_t> bytes = arguments.Bytes(1, "bytes", 1);
  if (!arguments.ok()) return env.Undefined();
  if (const SysError error = SendUnixDatagram(path, bytes); error.failed()) return Throw(env, error);
  return env.Undefined();
}

}  // namespace tapnet
