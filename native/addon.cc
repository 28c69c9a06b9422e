#include <napi.h>

#include "arguments.h"
#include "capture_socket.h"
#include "environment.h"
#include "frame_socket.h"
#include "namespace.h"
#include "netlink_socket.h"
#include "port_socket.h"
#include "scheduling.h"
#include "tap.h"
#include "udp_socket.h"
#include "unix_socket.h"

namespace tapnet {

namespace {

// setErrorFactories(stateError: (code, message) => Error, systemError: (errno, syscall, object, hint) => Error)
Napi::Value SetErrorFactories(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "setErrorFactories");
  const Napi::Function state_error = arguments.Function(0, "stateError");
  const Napi::Function system_error = arguments.Function(1, "systemError");
  if (arguments.ok()) Environment::Of(info.Env())->SetErrorFactories(state_error, system_error);
  return info.Env().Undefined();
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  if (!Environment::Create(env)) return exports;
  exports.Set("setErrorFactories", Napi::Function::New<SetErrorFactories>(env, "setErrorFactories"));
  exports.Set("NetlinkSocket", NetlinkSocket::Define(env));
  exports.Set("transactLater", Napi::Function::New<TransactLater>(env, "transactLater"));
  exports.Set("dumpLater", Napi::Function::New<DumpLater>(env, "dumpLater"));
  exports.Set("Tap", Tap::Define(env));
  exports.Set("closeTapsLater", Napi::Function::New<Tap::CloseLater>(env, "closeTapsLater"));
  exports.Set("interfaceIndex", Napi::Function::New<InterfaceIndex>(env, "interfaceIndex"));
  exports.Set("FrameSocket", FrameSocket::Define(env));
  exports.Set("PortSocket", PortSocket::Define(env));
  exports.Set("CaptureSocket", CaptureSocket::Define(env));
  exports.Set("UdpSocket", UdpSocket::Define(env));
  exports.Set("UnixConnection", UnixConnection::Define(env));
  exports.Set("UnixListener", UnixListener::Define(env));
  exports.Set("peerCredentials", Napi::Function::New<PeerCredentialsOf>(env, "peerCredentials"));
  exports.Set("sendUnixDatagram", Napi::Function::New<SendUnixDatagramTo>(env, "sendUnixDatagram"));
  exports.Set("enterNetworkNamespace", Napi::Function::New<EnterNetworkNamespace>(env, "enterNetworkNamespace"));
  exports.Set("unshareNetworkNamespace", Napi::Function::New<UnshareNetworkNamespace>(env, "unshareNetworkNamespace"));
  exports.Set("setScheduling", Napi::Function::New<SetScheduling>(env, "setScheduling"));
  return exports;
}

}  // namespace

NODE_API_MODULE(tapnet, Initialize)

}  // namespace tapnet
