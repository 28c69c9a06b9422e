#include "port_socket.h"

#include <tuple>

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
constexpr int64_t kRowsMax = 65536;
// The same numbers as in src/os/port-socket.ts.
constexpr size_t kEventsWait = size_t{1} << 24;
constexpr size_t kLoopWaits = size_t{1} << 25;
constexpr size_t kUnsent = size_t{1} << 26;
constexpr int64_t kWaitMsMax = 1000;
// A row in all columns of a batch together, and what the slab behind them starts at a multiple of.
constexpr size_t kColumnBytes = 3 * sizeof(uint32_t) + sizeof(uint8_t);
constexpr size_t kSlabAlignment = 64;

size_t SlabOffset(size_t rows) { return (rows * kColumnBytes + kSlabAlignment - 1) / kSlabAlignment * kSlabAlignment; }

std::span<uint32_t> Column(std::span<uint8_t> memory, size_t rows, size_t index) {
  return {reinterpret_cast<uint32_t*>(memory.data()) + index * rows, rows};
}

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
                         InstanceMethod<&PortSocket::Shape>("shape"),
                         InstanceMethod<&PortSocket::Receive>("receive"),
                         InstanceMethod<&PortSocket::Stay>("stay"),
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

// shape(rows, receiveBytes, rowBytes): of the memory that `receive` is given from now on. Frames are written below
// `receiveBytes` of its slab.
Napi::Value PortSocket::Shape(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.shape");
  const auto rows = static_cast<size_t>(arguments.Integer(0, "rows", 1, kRowsMax));
  const auto receive_bytes = static_cast<size_t>(arguments.Integer(1, "receiveBytes", kRowBytesMin, kReceiveBytesMax));
  const auto row_bytes = static_cast<size_t>(
      arguments.Integer(2, "rowBytes", kRowBytesMin, static_cast<int64_t>(kFrameMost + kHeadroom + 64)));
  if (arguments.ok()) std::tie(rows_, receive_bytes_, row_bytes_) = std::tuple(rows, receive_bytes, row_bytes);
  return env.Undefined();
}

// receive(memory, waitMs, columns, count) → rows, kEventsWait and kLoopWaits added, and kUnsent for each frame that was not
// taken. `count` frames leave the memory's slab first, as by `send`: one call instead of two, and with few arguments, since each
// of these costs as much as looking at a frame does.
Napi::Value PortSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.receive");
  const std::span<uint8_t> memory = arguments.Memory(0, "memory", SlabOffset(rows_) + receive_bytes_);
  const auto wait_ms = static_cast<int>(arguments.Integer(1, "waitMs", 0, kWaitMsMax));
  Outgoing outgoing;
  if (!ReadOutgoing(arguments, 2, outgoing)) return env.Undefined();
  const std::span<uint8_t> slab = memory.subspan(SlabOffset(rows_));
  const size_t unsent = outgoing.count - SendOutgoing(slab, outgoing);
  PortColumns columns;
  columns.row_bytes = row_bytes_;
  columns.port = Column(memory, rows_, 0);
  columns.offset = Column(memory, rows_, 1);
  columns.length = Column(memory, rows_, 2);
  columns.flags = memory.subspan(3 * sizeof(uint32_t) * rows_, rows_);
  columns.slab = slab.first(receive_bytes_);
  size_t result = set_.Receive(columns, wait_ms) + unsent * kUnsent;
  if (set_.events() > 0) result += kEventsWait;
  if (set_.loop_ready()) result += kLoopWaits;
  return Napi::Number::New(env, static_cast<double>(result));
}

// stay(on): from now on the caller waits in `receive`, and not in the event loop, which is waited for there as well; or not any
// more.
Napi::Value PortSocket::Stay(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.stay");
  const bool on = arguments.Boolean(0, "on");
  if (!arguments.ok() || on == staying_) return env.Undefined();
  const int loop = Environment::Of(env)->loop()->fd();
  // The loop's epoll has ours in it, and then ours the loop's: both at once the kernel refuses.
  if (on) {
    readable_.Pause();
    if (const SysError error = set_.WatchLoop(loop); error.failed()) {
      readable_.Resume();
      return Throw(env, error);
    }
  } else {
    set_.UnwatchLoop(loop);
    readable_.Resume();
  }
  staying_ = on;
  return env.Undefined();
}

// send(bytes, columns, count) → frames that were taken
Napi::Value PortSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!CheckOpen(env)) return env.Undefined();
  Arguments arguments(info, "PortSocket.send");
  const std::span<uint8_t> slab = arguments.Bytes(0, "bytes");
  Outgoing outgoing;
  if (!ReadOutgoing(arguments, 1, outgoing)) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(SendOutgoing(slab, outgoing)));
}

// Two arguments: columns, whole rows of which are used, and the number of rows.
bool PortSocket::ReadOutgoing(Arguments& arguments, size_t first, Outgoing& outgoing) {
  outgoing.columns = arguments.Memory(first, "columns", 0);
  outgoing.rows = outgoing.columns.size() / (3 * sizeof(uint32_t));
  outgoing.count = static_cast<size_t>(arguments.Integer(first + 1, "count", 0, static_cast<int64_t>(outgoing.rows)));
  return arguments.ok();
}

size_t PortSocket::SendOutgoing(std::span<uint8_t> slab, const Outgoing& outgoing) {
  const auto& [columns, rows, count] = outgoing;
  return set_.Send(slab, Column(columns, rows, 0), Column(columns, rows, 1), Column(columns, rows, 2), count);
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
