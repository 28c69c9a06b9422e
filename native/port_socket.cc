#include "port_socket.h"

#include "arguments.h"
#include "close_all.h"
#include "unix_channel.h"

namespace tapnet {

namespace {

constexpr const char* kName = "the port socket";
// A table with one pointer a slot; slots are handed out from zero.
constexpr uint32_t kSlotMax = (1u << 20) - 1;
constexpr int kReceiveBytesMax = 64 * 1024 * 1024;
constexpr size_t kRowBytesMin = 128;

}  // namespace

Napi::Function PortSocket::Define(Napi::Env env) {
  return DefineClass(env, "PortSocket",
                     {
                         InstanceMethod<&PortSocket::AddStream>("addStream"),
                         InstanceMethod<&PortSocket::AddDgram>("addDgram"),
                         InstanceMethod<&PortSocket::AddPacket>("addPacket"),
                         InstanceMethod<&PortSocket::AddTap>("addTap"),
                         InstanceMethod<&PortSocket::AddFeed>("addFeed"),
                         InstanceMethod<&PortSocket::Remove>("remove"),
                         InstanceMethod<&PortSocket::Receive>("receive"),
                         InstanceMethod<&PortSocket::Send>("send"),
                         InstanceMethod<&PortSocket::Events>("events"),
                         InstanceMethod<&PortSocket::CheckPeers>("checkPeers"),
                         InstanceMethod<&PortSocket::Counts>("counts"),
                         InstanceMethod<&PortSocket::Watch>("watch"),
                         InstanceMethod<&PortSocket::SetReferenced>("setReferenced"),
                         InstanceMethod<&PortSocket::Close>("close"),
                     });
}

PortSocket::PortSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PortSocket>(info) {
  if (const SysError error = set_.Open(); error.failed()) Throw(info.Env(), error);
}

// At the end of the environment nobody closes in the background any more.
PortSocket::~PortSocket() {
  std::vector<UniqueFd> descriptors = set_.Close();
  CloseAll(descriptors);
}

bool PortSocket::CheckOpen(Napi::Env env) const {
  if (!set_.open()) ThrowClosed(env, kName);
  return set_.open();
}

bool PortSocket::CheckFree(Napi::Env env, uint32_t slot) const {
  if (set_.Has(slot)) ThrowState(env, "INVALID_STATE", "PortSocket: slot " + std::to_string(slot) + " is taken");
  return !set_.Has(slot);
}

Napi::Value PortSocket::Added(Napi::Env env, uint32_t slot, SysError error, std::unique_ptr<PortLink> link) {
  if (!error.failed()) error = set_.Add(slot, std::move(link));
  return error.failed() ? Throw(env, error) : env.Undefined();
}

// addStream(slot, path, mode)
Napi::Value PortSocket::AddStream(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.addStream");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  const std::string path = arguments.String(1, "path", kUnixPathMax);
  const auto mode = static_cast<mode_t>(arguments.Integer(2, "mode", 0, 0777));
  if (!arguments.ok() || !CheckFree(env, slot)) return env.Undefined();
  std::unique_ptr<PortLink> link;
  SysError error = PortLink::OpenStream(path, mode, link);
  return Added(env, slot, std::move(error), std::move(link));
}

// addDgram(slot, local, remote, mode)
Napi::Value PortSocket::AddDgram(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.addDgram");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  const std::string local = arguments.String(1, "local", kUnixPathMax);
  const std::string remote = arguments.String(2, "remote", kUnixPathMax);
  const auto mode = static_cast<mode_t>(arguments.Integer(3, "mode", 0, 0777));
  if (!arguments.ok() || !CheckFree(env, slot)) return env.Undefined();
  std::unique_ptr<PortLink> link;
  SysError error = PortLink::OpenDgram(local, remote, mode, link);
  return Added(env, slot, std::move(error), std::move(link));
}

// addPacket(slot, ifindex, receiveBytes)
Napi::Value PortSocket::AddPacket(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.addPacket");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  const auto ifindex = static_cast<uint32_t>(arguments.Integer(1, "ifindex", 1, INT32_MAX));
  const auto receive_bytes = static_cast<int>(arguments.Integer(2, "receiveBytes", 1, kReceiveBytesMax));
  if (!arguments.ok() || !CheckFree(env, slot)) return env.Undefined();
  std::unique_ptr<PortLink> link;
  SysError error = PortLink::OpenPacket(ifindex, receive_bytes, link);
  return Added(env, slot, std::move(error), std::move(link));
}

// addTap(slot, fd)
Napi::Value PortSocket::AddTap(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.addTap");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  const int descriptor = arguments.Fd(1, "fd");
  if (!arguments.ok() || !CheckFree(env, slot)) return env.Undefined();
  std::unique_ptr<PortLink> link;
  SysError error = PortLink::OpenTap(descriptor, link);
  return Added(env, slot, std::move(error), std::move(link));
}

// addFeed(slot) → the other end's descriptor, which is the caller's to close
Napi::Value PortSocket::AddFeed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.addFeed");
  const auto slot = static_cast<uint32_t>(arguments.Integer(0, "slot", 0, kSlotMax));
  if (!arguments.ok() || !CheckFree(env, slot)) return env.Undefined();
  std::unique_ptr<PortLink> link;
  UniqueFd end;
  SysError error = PortLink::OpenFeed(link, end);
  if (!error.failed()) error = set_.Add(slot, std::move(link));
  if (error.failed()) return Throw(env, error);
  return Napi::Number::New(env, end.Release());
}

Napi::Value PortSocket::Remove(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.remove");
  const uint32_t slot = arguments.Uint32(0, "slot");
  if (!arguments.ok()) return env.Undefined();
  const bool had = set_.Has(slot);
  if (had) Environment::Of(env)->closer().Add(env, set_.Remove(slot));
  return Napi::Boolean::New(env, had);
}

// receive(bytes, receiveBytes, rowBytes, port, offset, length, flags, events: Uint32Array(1)) → rows. Frames are written below
// `receiveBytes`; events[0] becomes the number of events that wait.
Napi::Value PortSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.receive");
  PortColumns columns;
  const std::span<uint8_t> slab = arguments.Bytes(0, "bytes", kRowBytesMin);
  const auto receive_bytes =
      static_cast<size_t>(arguments.Integer(1, "receiveBytes", 1, static_cast<int64_t>(slab.size())));
  columns.row_bytes = static_cast<size_t>(
      arguments.Integer(2, "rowBytes", kRowBytesMin, static_cast<int64_t>(kFrameMost + kHeadroom + 64)));
  columns.port = arguments.Column<uint32_t>(3, "port", 1);
  columns.offset = arguments.Column<uint32_t>(4, "offset", columns.port.size());
  columns.length = arguments.Column<uint32_t>(5, "length", columns.port.size());
  columns.flags = arguments.Bytes(6, "flags", columns.port.size());
  const std::span<uint32_t> events = arguments.Column<uint32_t>(7, "events", 1);
  if (!arguments.ok()) return env.Undefined();
  columns.slab = slab.first(receive_bytes);
  const size_t rows = set_.Receive(columns);
  events[0] = static_cast<uint32_t>(set_.events());
  return Napi::Number::New(env, static_cast<double>(rows));
}

// send(bytes, port, offset, length, count) → frames that were taken
Napi::Value PortSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.send");
  const std::span<uint8_t> slab = arguments.Bytes(0, "bytes");
  const std::span<uint32_t> port = arguments.Column<uint32_t>(1, "port");
  const std::span<uint32_t> offset = arguments.Column<uint32_t>(2, "offset", port.size());
  const std::span<uint32_t> length = arguments.Column<uint32_t>(3, "length", port.size());
  const auto count = static_cast<size_t>(arguments.Integer(4, "count", 0, static_cast<int64_t>(port.size())));
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(set_.Send(slab, port, offset, length, count)));
}

// events() → pairs of slot and LinkEvent, oldest first
Napi::Value PortSocket::Events(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  const std::vector<PortSet::Event> events = set_.TakeEvents();
  Napi::Uint32Array pairs = Napi::Uint32Array::New(env, events.size() * 2);
  if (pairs.IsEmpty()) return {};
  for (size_t index = 0; index < events.size(); index++) {
    pairs[index * 2] = events[index].slot;
    pairs[index * 2 + 1] = static_cast<uint32_t>(events[index].what);
  }
  return pairs;
}

Napi::Value PortSocket::CheckPeers(const Napi::CallbackInfo& info) {
  if (CheckOpen(info.Env())) set_.CheckPeers();
  return info.Env().Undefined();
}

// counts(slot) → {received, sent, lost, runts, waitingBytes}
Napi::Value PortSocket::Counts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.counts");
  const uint32_t slot = arguments.Uint32(0, "slot");
  if (!arguments.ok()) return env.Undefined();
  const LinkCounts counts = set_.Counts(slot);
  Napi::Object object = Napi::Object::New(env);
  if (object.IsEmpty()) return {};
  object.Set("received", Napi::Number::New(env, static_cast<double>(counts.received)));
  object.Set("sent", Napi::Number::New(env, static_cast<double>(counts.sent)));
  object.Set("lost", Napi::Number::New(env, static_cast<double>(counts.lost)));
  object.Set("runts", Napi::Number::New(env, static_cast<double>(counts.runts)));
  object.Set("waitingBytes", Napi::Number::New(env, static_cast<double>(set_.WaitingBytes(slot))));
  return object;
}

Napi::Value PortSocket::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(set_.fd(), on_readable, kName, &PortSocket::OnReadable);
  return env.Undefined();
}

Napi::Value PortSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

// Returns a promise that resolves when the kernel has let go of everything.
Napi::Value PortSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  return Environment::Of(info.Env())->closer().Add(info.Env(), set_.Close());
}

}  // namespace tapnet
