#include "udp_socket.h"

#include <net/if.h>

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

}  // namespace

Napi::Function UdpSocket::Define(Napi::Env env) {
  return DefineClass(env, "UdpSocket",
                     {
                         InstanceMethod<&UdpSocket::Port>("port"),
                         InstanceMethod<&UdpSocket::Receive>("receive"),
                         InstanceMethod<&UdpSocket::Send>("send"),
                         InstanceMethod<&UdpSocket::Watch>("watch"),
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
  ipv6_ = options.ipv6;
  if (const SysError error = channel_.Open(options); error.failed()) Throw(info.Env(), error);
}

Napi::Value UdpSocket::Port(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_.port());
}

// (bytes, offset, length, flags, remotePort, remoteIpv4, localIpv4, remoteIpv6, localIpv6, ifindex, …)
bool UdpSocket::ReadColumns(Arguments& arguments, UdpColumns& columns) {
  columns.slab = arguments.Bytes(0, "bytes", 1);
  columns.offset = arguments.Column<uint32_t>(1, "offset", 1);
  const size_t rows = columns.offset.size();
  const size_t ipv4_rows = ipv6_ ? 0 : rows;
  const size_t ipv6_bytes = ipv6_ ? rows * 16 : 0;
  columns.length = arguments.Column<uint32_t>(2, "length", rows);
  columns.flags = arguments.Bytes(3, "flags", rows);
  columns.remote_port = arguments.Column<uint16_t>(4, "remotePort", rows);
  columns.remote_ipv4 = arguments.Column<uint32_t>(5, "remoteIpv4", ipv4_rows);
  columns.local_ipv4 = arguments.Column<uint32_t>(6, "localIpv4", ipv4_rows);
  columns.remote_ipv6 = arguments.Bytes(7, "remoteIpv6", ipv6_bytes);
  columns.local_ipv6 = arguments.Bytes(8, "localIpv6", ipv6_bytes);
  columns.ifindex = arguments.Column<uint32_t>(9, "ifindex", rows);
  return arguments.ok();
}

Napi::Value UdpSocket::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "UdpSocket.receive");
  UdpColumns columns;
  if (!ReadColumns(arguments, columns)) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(channel_.Receive(columns)));
}

// send(…columns, count) → datagrams that the kernel took
Napi::Value UdpSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "UdpSocket.send");
  UdpColumns columns;
  if (!ReadColumns(arguments, columns)) return env.Undefined();
  const auto count = static_cast<size_t>(arguments.Integer(10, "count", 0, static_cast<int64_t>(columns.offset.size())));
  if (!arguments.ok()) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(channel_.Send(columns, count)));
}

Napi::Value UdpSocket::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "UdpSocket.watch");
  const Napi::Function on_readable = arguments.Function(0, "onReadable");
  if (arguments.ok()) readable_.Start(channel_.fd(), on_readable, kName, &UdpSocket::OnReadable);
  return env.Undefined();
}

Napi::Value UdpSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value UdpSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  channel_.Close();
  return info.Env().Undefined();
}

}  // namespace tapnet
