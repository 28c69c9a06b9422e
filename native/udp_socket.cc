#include "udp_socket.h"

#include <net/if.h>

#include <cmath>
#include <span>

#include "arguments.h"

namespace tapnet {

namespace {

constexpr const char* kName = "the UDP socket";
constexpr int kReceiveBytesMax = 64 * 1024 * 1024;
// Bits of the `options` argument; the same as in src/os/udp-socket.ts.
constexpr uint32_t kReusePort = 1;
constexpr uint32_t kReuseAddress = 2;
constexpr uint32_t kFreeBind = 4;
constexpr uint32_t kIpv6Only = 8;
constexpr uint32_t kNoLocalAddress = 16;

constexpr size_t kIpv6Bytes = 16;
// A row in all columns together, and what the slab behind them starts at a multiple of.
constexpr size_t kColumnBytes = 5 * sizeof(uint32_t) + 2 * kIpv6Bytes + sizeof(uint16_t) + sizeof(uint8_t);
constexpr size_t kSlabAlignment = 64;
constexpr int64_t kRowsMax = 65536;
// What is answered before others have their turn; each round is a batch, or one datagram.
constexpr size_t kRoundsMax = 32;
constexpr size_t kDatagramsMax = 512;
// Datagrams that come one by one are received so; after so many a batch is tried, since one by one they would never be more.
constexpr size_t kAloneMax = 4;

size_t SlabOffset(size_t rows) { return (rows * kColumnBytes + kSlabAlignment - 1) / kSlabAlignment * kSlabAlignment; }

// Cuts a batch's memory into its columns, the widest elements first; the same order as in src/os/udp-socket.ts.
UdpColumns LayOut(std::span<uint8_t> memory, size_t rows) {
  uint8_t* next = memory.data();
  const auto take = [&next, rows]<typename Element>(std::span<Element>& column, size_t per_row = 1) {
    column = {reinterpret_cast<Element*>(next), rows * per_row};
    next += column.size_bytes();
  };
  UdpColumns columns;
  take(columns.offset);
  take(columns.length);
  take(columns.remote_ipv4);
  take(columns.local_ipv4);
  take(columns.ifindex);
  take(columns.remote_ipv6, kIpv6Bytes);
  take(columns.local_ipv6, kIpv6Bytes);
  take(columns.remote_port);
  take(columns.flags);
  columns.slab = memory.subspan(SlabOffset(rows));
  return columns;
}

}  // namespace

Napi::Function UdpSocket::Define(Napi::Env env) {
  return DefineClass(env, "UdpSocket",
                     {
                         InstanceMethod<&UdpSocket::Port>("port"),
                         InstanceMethod<&UdpSocket::Send>("send"),
                         InstanceMethod<&UdpSocket::Serve>("serve"),
                         InstanceMethod<&UdpSocket::SetReferenced>("setReferenced"),
                         InstanceMethod<&UdpSocket::Close>("close"),
                     });
}

// new UdpSocket(ipv6, address: 16 bytes of which IPv4 takes four, port, options, device, receiveBytes)
UdpSocket::UdpSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UdpSocket>(info) {
  Arguments arguments(info, "UdpSocket");
  UdpOptions options;
  options.ipv6 = arguments.Boolean(0, "ipv6");
  options.address = arguments.Bytes(1, "address", 16);
  options.port = static_cast<uint16_t>(arguments.Integer(2, "port", 0, UINT16_MAX));
  const uint32_t bits = arguments.Uint32(3, "options");
  options.device = arguments.String(4, "device", IFNAMSIZ - 1);
  options.receive_bytes = static_cast<int>(arguments.Integer(5, "receiveBytes", 0, kReceiveBytesMax));
  if (!arguments.ok()) return;
  options.reuse_port = (bits & kReusePort) != 0;
  options.reuse_address = (bits & kReuseAddress) != 0;
  options.free_bind = (bits & kFreeBind) != 0;
  options.ipv6_only = (bits & kIpv6Only) != 0;
  options.local_address = (bits & kNoLocalAddress) == 0;
  if (const SysError error = channel_.Open(options); error.failed()) Throw(info.Env(), error);
}

Napi::Value UdpSocket::Port(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_.port());
}

// (…, memory, rows, …): one argument for all columns, as each takes 40 ns and a DNS answer 300.
bool UdpSocket::ReadColumns(Arguments& arguments, size_t first, UdpColumns& columns) {
  const auto rows = static_cast<size_t>(arguments.Integer(first + 1, "rows", 1, kRowsMax));
  const std::span<uint8_t> memory = arguments.Memory(first, "memory", SlabOffset(rows) + rows);
  if (!arguments.ok()) return false;
  columns = LayOut(memory, rows);
  return true;
}

// send(memory, rows, count) → datagrams that the kernel took
Napi::Value UdpSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "UdpSocket.send");
  UdpColumns columns;
  if (!ReadColumns(arguments, 0, columns)) return env.Undefined();
  const auto count = static_cast<size_t>(arguments.Integer(2, "count", 0, static_cast<int64_t>(columns.offset.size())));
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(channel_.Send(columns, count)));
}

// serve(received: memory, rows, answers: memory, rows, onDatagrams: (count) => rows of the answers to send)
Napi::Value UdpSocket::Serve(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "UdpSocket.serve");
  Batch received;
  Batch answers;
  const Napi::Function on_datagrams = arguments.Function(4, "onDatagrams");
  if (!ReadColumns(arguments, 0, received.columns) || !ReadColumns(arguments, 2, answers.columns)) return env.Undefined();
  if (!readable_.Start(channel_.fd(), on_datagrams, kName, &UdpSocket::OnReadable)) return env.Undefined();
  received.buffer = Napi::Persistent(info[0].As<Napi::Uint8Array>().ArrayBuffer());
  answers.buffer = Napi::Persistent(info[2].As<Napi::Uint8Array>().ArrayBuffer());
  received_ = std::move(received);
  answers_ = std::move(answers);
  return env.Undefined();
}

// Each round is a callback of the loop of its own, straight into `onDatagrams`: a function in between, that runs all rounds of a
// wake-up, is one more way into JavaScript and back for the lone question, which has one round.
void UdpSocket::OnReadable() {
  Napi::Env env = Env();
  // Looked up once a wake-up, as the wrappers of node-addon-api cost more than the call.
  const Wake wake{Value(), readable_.callback(), received_.buffer.Value(), answers_.buffer.Value()};
  size_t alone = 0;
  for (size_t round = 0, datagrams = 0; round < kRoundsMax && datagrams < kDatagramsMax && channel_.open(); round++) {
    const bool one = mostly_one_ && alone < kAloneMax;
    const size_t count = channel_.Receive(received_.columns, one);
    if (count == 0) break;
    datagrams += count;
    alone = one ? alone + 1 : 0;
    mostly_one_ = count == 1;
    if (!Answer(env, wake, count)) break;
  }
}

bool UdpSocket::Answer(Napi::Env env, const Wake& wake, size_t count) {
  napi_value argument = nullptr;
  napi_value answered = nullptr;
  if (napi_create_uint32(env, static_cast<uint32_t>(count), &argument) != napi_ok) return false;
  const napi_status status =
      napi_make_callback(env, nullptr, wake.receiver, wake.on_datagrams, 1, &argument, &answered);
  if (status != napi_ok) {
    if (status == napi_pending_exception) RaiseUncaught(env);
    return false;
  }
  // It may have closed the socket.
  if (!channel_.open()) return false;
  double rows = NAN;
  if (napi_get_value_double(env, answered, &rows) != napi_ok) rows = NAN;
  if (!(rows >= 0 && rows <= static_cast<double>(answers_.columns.offset.size()))) {
    ThrowState(env, "INVALID_ARGUMENT", std::string(kName) + ": onDatagrams must return a number of rows of the answers");
    RaiseUncaught(env);
    return false;
  }
  if (wake.received.IsDetached() || wake.answers.IsDetached()) {
    ThrowState(env, "INVALID_STATE", std::string(kName) + ": the memory of its batches has been given away");
    RaiseUncaught(env);
    return false;
  }
  if (rows >= 1) channel_.Send(answers_.columns, static_cast<size_t>(rows));
  return true;
}

Napi::Value UdpSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value UdpSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  channel_.Close();
  received_ = {};
  answers_ = {};
  return info.Env().Undefined();
}

}  // namespace tapnet
