#include "frame_socket.h"

#include "arguments.h"
#include "close_all.h"
#include "filter_argument.h"

namespace tapnet {

namespace {

constexpr const char* kName = "the frame socket";
// A table with one pointer a slot; slots are handed out from zero.
constexpr uint32_t kSlotMax = (1u << 20) - 1;
constexpr int kReceiveBytesMax = 64 * 1024 * 1024;
constexpr size_t kSlabRowBytesMin = 64;

}  // namespace

Napi::Function FrameSocket::Define(Napi::Env env) {
  return DefineClass(env, "FrameSocket",
                     {
                         InstanceMethod<&FrameSocket::Add>("add"),
                         InstanceMethod<&FrameSocket::SetFilter>("setFilter"),
                         InstanceMethod<&FrameSocket::Remove>("remove"),
                         InstanceMethod<&FrameSocket::Receive>("receive"),
                         InstanceMethod<&FrameSocket::Down>("down"),
                         InstanceMethod<&FrameSocket::RemoveVanished>("removeVanished"),
                         InstanceMethod<&FrameSocket::Send>("send"),
                         InstanceMethod<&FrameSocket::Drops>("drops"),
                         InstanceMethod<&FrameSocket::Counts>("counts"),
                         InstanceMethod<&FrameSocket::Watch>("watch"),
                         InstanceMethod<&FrameSocket::SetReferenced>("setReferenced"),
                         InstanceMethod<&FrameSocket::Close>("close"),
                     });
}

FrameSocket::FrameSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FrameSocket>(info) {
  SysError error = poller_.Open();
  if (!error.failed()) error = sender_.Open();
  if (error.failed()) {
    static_cast<void>(poller_.Close());
    Throw(info.Env(), error);
  }
}

// At the end of the environment nobody closes in the background any more.
FrameSocket::~FrameSocket() {
  std::vector<UniqueFd> sockets = poller_.Close();
  sockets.push_back(sender_.Close());
  CloseAll(sockets);
}

bool FrameSocket::CheckOpen(Napi::Env env) const {
  if (!poller_.open()) ThrowClosed(env, kName);
  return poller_.open();
}

// add(slot, ifindex, filter, receiveBytes, allMulticast)
Napi::Value FrameSocket::Add(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.add");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  const auto ifindex = static_cast<uint32_t>(arguments.Integer(1, "ifindex", 1, INT32_MAX));
  const std::vector<sock_filter> filter = FilterOf(arguments, 2);
  PacketLinkOptions options;
  options.receive_bytes = static_cast<int>(arguments.Integer(3, "receiveBytes", 1, kReceiveBytesMax));
  options.all_multicast = arguments.Boolean(4, "allMulticast");
  if (!arguments.ok()) return env.Undefined();
  if (poller_.Has(slot)) {
    return ThrowState(env, "INVALID_STATE", "FrameSocket.add: slot " + std::to_string(slot) + " is taken");
  }
  if (const SysError error = poller_.Add(slot, ifindex, filter, options); error.failed()) return Throw(env, error);
  return env.Undefined();
}

// setFilter(slot, filter)
Napi::Value FrameSocket::SetFilter(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.setFilter");
  const uint32_t slot = arguments.Uint32(0, "slot");
  const std::vector<sock_filter> filter = FilterOf(arguments, 1);
  if (!arguments.ok()) return env.Undefined();
  if (!poller_.Has(slot)) {
    return ThrowState(env, "INVALID_STATE", "FrameSocket.setFilter: slot " + std::to_string(slot) + " has no link");
  }
  if (const SysError error = poller_.SetFilter(slot, filter); error.failed()) return Throw(env, error);
  return env.Undefined();
}

bool FrameSocket::RemoveLink(Napi::Env env, uint32_t slot) {
  UniqueFd socket = poller_.Remove(slot);
  if (!socket.valid()) return false;
  std::vector<UniqueFd> sockets;
  sockets.push_back(std::move(socket));
  Environment::Of(env)->closer().Add(env, std::move(sockets));
  return true;
}

Napi::Value FrameSocket::Remove(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.remove");
  const uint32_t slot = arguments.Uint32(0, "slot");
  if (!arguments.ok()) return env.Undefined();
  return Napi::Boolean::New(env, RemoveLink(env, slot));
}

// receive(bytes, slot, offset, length, flags, budget) → rows
Napi::Value FrameSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.receive");
  FrameColumns columns;
  columns.slot = arguments.Column<uint32_t>(1, "slot", 1);
  const size_t capacity = columns.slot.size();
  columns.slab = arguments.Bytes(0, "bytes", capacity * kSlabRowBytesMin);
  columns.offset = arguments.Column<uint32_t>(2, "offset", capacity);
  columns.length = arguments.Column<uint32_t>(3, "length", capacity);
  columns.flags = arguments.Bytes(4, "flags", capacity);
  const size_t budget = arguments.Uint32(5, "budget");
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(poller_.Receive(columns, budget)));
}

Napi::Value FrameSocket::Down(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(poller_.down()));
}

// removeVanished() → slots whose interface is gone
Napi::Value FrameSocket::RemoveVanished(const Napi::CallbackInfo& info) {
  const std::vector<uint32_t> slots = poller_.Vanished();
  for (const uint32_t slot : slots) RemoveLink(info.Env(), slot);
  Napi::Uint32Array array = Napi::Uint32Array::New(info.Env(), slots.size());
  if (!array.IsEmpty() && !slots.empty()) std::copy(slots.begin(), slots.end(), array.Data());
  return array;
}

// send(bytes, ifindex, offset, length, count) → frames that the kernel took
Napi::Value FrameSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.send");
  SendColumns columns;
  const size_t count = arguments.Uint32(4, "count");
  columns.slab = arguments.Bytes(0, "bytes");
  columns.ifindex = arguments.Column<uint32_t>(1, "ifindex", count);
  columns.offset = arguments.Column<uint32_t>(2, "offset", count);
  columns.length = arguments.Column<uint32_t>(3, "length", count);
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(sender_.Send(columns, count)));
}

Napi::Value FrameSocket::Drops(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.drops");
  const uint32_t slot = arguments.Uint32(0, "slot");
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(poller_.Drops(slot)));
}

Napi::Value FrameSocket::Counts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const FrameCounts counts = poller_.Counts();
  Napi::Object object = Napi::Object::New(env);
  if (object.IsEmpty()) return {};
  object.Set("received", static_cast<double>(counts.received));
  object.Set("receiveDrops", static_cast<double>(counts.receive_drops));
  object.Set("tagged", static_cast<double>(counts.tagged));
  object.Set("sent", static_cast<double>(sender_.sent()));
  object.Set("sendErrors", static_cast<double>(sender_.errors()));
  return object;
}

// watch(onReadable): called while a link has frames, or has vanished
Napi::Value FrameSocket::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "FrameSocket.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(poller_.fd(), on_readable, kName, &FrameSocket::OnReadable);
  return env.Undefined();
}

Napi::Value FrameSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

// close() → promise that resolves when the kernel has let go of the sockets
Napi::Value FrameSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  std::vector<UniqueFd> sockets = poller_.Close();
  if (UniqueFd sender = sender_.Close(); sender.valid()) sockets.push_back(std::move(sender));
  return Environment::Of(info.Env())->closer().Add(info.Env(), std::move(sockets));
}

}  // namespace tapnet
