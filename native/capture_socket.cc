#include "capture_socket.h"

#include "arguments.h"
#include "filter_argument.h"

namespace tapnet {

namespace {

constexpr const char* kName = "the capture socket";
constexpr int kReceiveBytesMax = 256 * 1024 * 1024;
constexpr size_t kSlabRowBytesMin = 64;

}  // namespace

Napi::Function CaptureSocket::Define(Napi::Env env) {
  return DefineClass(env, "CaptureSocket",
                     {
                         InstanceMethod<&CaptureSocket::Fd>("fd"),
                         InstanceMethod<&CaptureSocket::SetFilter>("setFilter"),
                         InstanceMethod<&CaptureSocket::Receive>("receive"),
                         InstanceMethod<&CaptureSocket::Counts>("counts"),
                         InstanceMethod<&CaptureSocket::Vanished>("vanished"),
                         InstanceMethod<&CaptureSocket::Fed>("fed"),
                         InstanceMethod<&CaptureSocket::Watch>("watch"),
                         InstanceMethod<&CaptureSocket::SetReferenced>("setReferenced"),
                         InstanceMethod<&CaptureSocket::Close>("close"),
                     });
}

// new CaptureSocket(fd, ifindex, receiveBytes): takes `fd`, which is its own from then on; -1: opens one on the interface.
CaptureSocket::CaptureSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CaptureSocket>(info) {
  Arguments arguments(info, "CaptureSocket");
  const auto fd = static_cast<int>(arguments.Integer(0, "fd", -1, INT32_MAX));
  const auto ifindex = static_cast<uint32_t>(arguments.Integer(1, "ifindex", 0, INT32_MAX));
  const auto receive_bytes = static_cast<int>(arguments.Integer(2, "receiveBytes", 1, kReceiveBytesMax));
  if (!arguments.ok()) return;
  const SysError error = fd >= 0 ? channel_.Adopt(fd) : channel_.Open(ifindex, receive_bytes);
  if (error.failed()) Throw(info.Env(), error);
}

Napi::Value CaptureSocket::Fd(const Napi::CallbackInfo& info) {
  if (!channel_.open()) return ThrowClosed(info.Env(), kName);
  return Napi::Number::New(info.Env(), channel_.fd());
}

Napi::Value CaptureSocket::SetFilter(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "CaptureSocket.setFilter");
  const std::vector<sock_filter> filter = FilterOf(arguments, 0);
  if (!arguments.ok()) return env.Undefined();
  if (const SysError error = channel_.SetFilter(filter); error.failed()) return Throw(env, error);
  return env.Undefined();
}

// receive(bytes, offset, length, original, flags, seconds, nanoseconds) → rows
Napi::Value CaptureSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "CaptureSocket.receive");
  CaptureColumns columns;
  columns.slab = arguments.Bytes(0, "bytes", kSlabRowBytesMin);
  columns.offset = arguments.Column<uint32_t>(1, "offset", 1);
  const size_t rows = columns.offset.size();
  columns.length = arguments.Column<uint32_t>(2, "length", rows);
  columns.original = arguments.Column<uint32_t>(3, "original", rows);
  columns.flags = arguments.Bytes(4, "flags", rows);
  columns.seconds = arguments.Column<uint32_t>(5, "seconds", rows);
  columns.nanoseconds = arguments.Column<uint32_t>(6, "nanoseconds", rows);
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(channel_.Receive(columns)));
}

// counts() → {received, dropped}
Napi::Value CaptureSocket::Counts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  const CaptureCounts counts = channel_.Counts();
  Napi::Object result = Napi::Object::New(env);
  result.Set("received", static_cast<double>(counts.received));
  result.Set("dropped", static_cast<double>(counts.dropped));
  return result;
}

Napi::Value CaptureSocket::Vanished(const Napi::CallbackInfo& info) {
  if (!channel_.open()) return ThrowClosed(info.Env(), kName);
  return Napi::Boolean::New(info.Env(), channel_.Vanished());
}

Napi::Value CaptureSocket::Fed(const Napi::CallbackInfo& info) {
  if (!channel_.open()) return ThrowClosed(info.Env(), kName);
  return Napi::Boolean::New(info.Env(), channel_.fed());
}

Napi::Value CaptureSocket::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "CaptureSocket.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(channel_.fd(), on_readable, kName, &CaptureSocket::OnReadable);
  return env.Undefined();
}

Napi::Value CaptureSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value CaptureSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  channel_.Close();
  return info.Env().Undefined();
}

}  // namespace tapnet
