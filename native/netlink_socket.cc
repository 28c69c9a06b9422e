#include "netlink_socket.h"

#include <utility>

#include "arguments.h"
#include "task.h"

namespace tapnet {

namespace {

// Notifications handed over in one call; the rest waits for the next turn of the loop.
constexpr size_t kDrainBytes = 512 * 1024;
constexpr const char* kName = "the netlink socket";

Napi::Value ToBytes(Napi::Env env, const std::vector<uint8_t>& bytes) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
  if (!array.IsEmpty() && !bytes.empty()) std::copy(bytes.begin(), bytes.end(), array.Data());
  return array;
}

struct Outcome {
  std::vector<NetlinkResult> results;
  std::vector<uint8_t> answers;
};

// {errnos, offsets, texts, answers}; `texts` holds only the rows that have one.
Napi::Value ToResults(Napi::Env env, const Outcome& outcome) {
  const size_t count = outcome.results.size();
  Napi::Int32Array errnos = Napi::Int32Array::New(env, count);
  Napi::Uint32Array offsets = Napi::Uint32Array::New(env, count);
  Napi::Array texts = Napi::Array::New(env);
  Napi::Object object = Napi::Object::New(env);
  if (errnos.IsEmpty() || offsets.IsEmpty() || texts.IsEmpty() || object.IsEmpty()) return {};
  for (size_t row = 0; row < count; row++) {
    const NetlinkResult& result = outcome.results[row];
    errnos[row] = result.error;
    offsets[row] = result.offset;
    if (!result.text.empty()) texts.Set(static_cast<uint32_t>(row), Napi::String::New(env, result.text));
  }
  object.Set("errnos", errnos);
  object.Set("offsets", offsets);
  object.Set("texts", texts);
  object.Set("answers", ToBytes(env, outcome.answers));
  return object;
}

// `count` messages, whole and in a row; otherwise an exception is pending.
std::span<uint8_t> Messages(Arguments& arguments, size_t index, size_t count) {
  const std::span<uint8_t> messages = arguments.Bytes(index, "messages");
  if (arguments.ok() && (count == 0 || !IsMessageRow(messages, count))) {
    ThrowState(arguments.env(), "INVALID_ARGUMENT",
               "netlink: the bytes are not " + std::to_string(count) + " whole messages in a row");
    return {};
  }
  return messages;
}

}  // namespace

Napi::Function NetlinkSocket::Define(Napi::Env env) {
  return DefineClass(env, "NetlinkSocket",
                     {
                         InstanceMethod<&NetlinkSocket::Transact>("transact"),
                         InstanceMethod<&NetlinkSocket::Dump>("dump"),
                         InstanceMethod<&NetlinkSocket::Subscribe>("subscribe"),
                         InstanceMethod<&NetlinkSocket::SetReferenced>("setReferenced"),
                         InstanceMethod<&NetlinkSocket::Close>("close"),
                     });
}

NetlinkSocket::NetlinkSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NetlinkSocket>(info) {
  Arguments arguments(info, "NetlinkSocket");
  protocol_ = static_cast<int>(arguments.Integer(0, "protocol", 0, 31));
  if (!arguments.ok()) return;
  if (const SysError error = channel_.Open(protocol_); error.failed()) Throw(info.Env(), error);
}

// Answers and notifications on one socket would be taken for each other.
bool NetlinkSocket::MayAsk(Napi::Env env) const {
  if (!channel_.open()) {
    ThrowClosed(env, kName);
  } else if (readable_.started()) {
    ThrowState(env, "INVALID_STATE", "the netlink socket is subscribed: ask on another one");
  }
  return channel_.open() && !readable_.started();
}

Napi::Value NetlinkSocket::Transact(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!MayAsk(env)) return env.Undefined();
  Arguments arguments(info, "NetlinkSocket.transact");
  const size_t count = arguments.Uint32(1, "count");
  const std::span<uint8_t> messages = Messages(arguments, 0, count);
  if (messages.empty()) return env.Undefined();
  Outcome outcome;
  channel_.Transact(messages, count, outcome.results, outcome.answers);
  return ToResults(env, outcome);
}

Napi::Value NetlinkSocket::Dump(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!MayAsk(env)) return env.Undefined();
  Arguments arguments(info, "NetlinkSocket.dump");
  const std::span<uint8_t> message = Messages(arguments, 0, 1);
  if (message.empty()) return env.Undefined();
  std::vector<uint8_t> answers;
  if (const SysError error = channel_.Dump(message, answers); error.failed()) return Throw(env, error);
  return ToBytes(env, answers);
}

// subscribe(groups: Uint32Array, onMessages: (messages: Uint8Array, overrun: boolean) => void)
Napi::Value NetlinkSocket::Subscribe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!channel_.open()) return ThrowClosed(env, kName);
  Arguments arguments(info, "NetlinkSocket.subscribe");
  const std::span<const uint32_t> groups = arguments.Column<uint32_t>(0, "groups");
  const Napi::Function on_messages = arguments.Function(1, "onMessages");
  if (!arguments.ok()) return env.Undefined();
  for (const uint32_t group : groups) {
    if (const SysError error = channel_.Join(group); error.failed()) return Throw(env, error);
  }
  readable_.Start(channel_.fd(), on_messages, kName, &NetlinkSocket::OnReadable);
  return env.Undefined();
}

void NetlinkSocket::OnReadable() {
  Napi::Env env = Env();
  drained_.clear();
  bool overrun = false;
  const SysError error = channel_.Drain(kDrainBytes, drained_, overrun);
  // Only a broken socket fails otherwise; whoever listens then has to look at everything again, as after an overrun.
  if (error.failed()) overrun = true;
  if (drained_.empty() && !overrun) return;
  const Napi::Value bytes = ToBytes(env, drained_);
  if (bytes.IsEmpty()) return;
  readable_.Call({bytes, Napi::Boolean::New(env, overrun)});
}

Napi::Value NetlinkSocket::SetReferenced(const Napi::CallbackInfo& info) { return readable_.SetReferenced(info); }

Napi::Value NetlinkSocket::Close(const Napi::CallbackInfo& info) {
  readable_.Stop();
  channel_.Close();
  return info.Env().Undefined();
}

namespace {

// Opens a socket for a task and copies the messages into it; null with an exception pending.
struct Request {
  NetlinkChannel channel;
  std::vector<uint8_t> messages;
  size_t count = 0;
  Outcome outcome;
};

std::shared_ptr<Request> MakeRequest(Arguments& arguments, size_t count) {
  const int protocol = static_cast<int>(arguments.Integer(0, "protocol", 0, 31));
  const std::span<uint8_t> messages = Messages(arguments, 1, count);
  if (messages.empty()) return nullptr;
  auto request = std::make_shared<Request>();
  request->messages.assign(messages.begin(), messages.end());
  request->count = count;
  if (const SysError error = request->channel.Open(protocol); error.failed()) {
    Throw(arguments.env(), error);
    return nullptr;
  }
  return request;
}

}  // namespace

Napi::Value TransactLater(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "transactLater");
  const size_t count = arguments.Uint32(2, "count");
  const auto request = MakeRequest(arguments, count);
  if (request == nullptr) return info.Env().Undefined();
  return Task::Run(
      info.Env(), "tapnet.netlink",
      [request] {
        request->channel.Transact(request->messages, request->count, request->outcome.results,
                                  request->outcome.answers);
        return SysError{};
      },
      [request](Napi::Env env) { return ToResults(env, request->outcome); });
}

Napi::Value DumpLater(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dumpLater");
  const auto request = MakeRequest(arguments, 1);
  if (request == nullptr) return info.Env().Undefined();
  return Task::Run(
      info.Env(), "tapnet.netlink",
      [request] { return request->channel.Dump(request->messages, request->outcome.answers); },
      [request](Napi::Env env) { return ToBytes(env, request->outcome.answers); });
}

}  // namespace tapnet
