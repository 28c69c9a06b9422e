#pragma once

#include <napi.h>

#include <functional>
#include <utility>
#include <vector>

#include "arguments.h"
#include "environment.h"
#include "watcher.h"

namespace tapnet {

// The event "readable" of a wrapped object: its watcher and the JavaScript function to call. An object that is being watched
// is in use even when JavaScript holds no reference to it, so it is kept until Stop().
template <typename Owner>
class ReadableEvent {
 public:
  explicit ReadableEvent(Owner* owner) : owner_(owner) {}

  bool started() const { return watcher_.started(); }

  // False with an exception pending. `on_readable` runs inside a handle scope; it may call Stop().
  bool Start(int fd, Napi::Function callback, const char* object, void (Owner::*on_readable)()) {
    Napi::Env env = owner_->Env();
    if (started()) {
      ThrowState(env, "INVALID_STATE", std::string(object) + " is watched already");
      return false;
    }
    on_readable_ = on_readable;
    const int status = watcher_.Start(Environment::Of(env)->loop(), fd, [this] {
      Napi::HandleScope scope(owner_->Env());
      (owner_->*on_readable_)();
    });
    if (status != 0) {
      Throw(env, ErrorOf(status, "uv_poll_start", object));
      return false;
    }
    callback_ = Napi::Persistent(callback);
    owner_->Ref();
    return true;
  }

  // To be called before the descriptor is closed.
  void Stop() {
    if (!started()) return;
    watcher_.Stop();
    callback_.Reset();
    owner_->Unref();
  }

  // The function that Start was given; for owners that call it themselves.
  napi_value callback() const { return callback_.Value(); }

  void Pause() { watcher_.Pause(); }
  void Resume() { watcher_.Resume(); }

  void Call(const std::vector<napi_value>& arguments) {
    CallFromLoop(owner_->Env(), owner_->Value(), callback_.Value(), arguments);
  }

  // The JavaScript method setReferenced(boolean).
  Napi::Value SetReferenced(const Napi::CallbackInfo& info) {
    Arguments arguments(info, "setReferenced");
    const bool referenced = arguments.Boolean(0, "referenced");
    if (arguments.ok()) watcher_.SetReferenced(referenced);
    return info.Env().Undefined();
  }

 private:
  Owner* owner_;
  void (Owner::*on_readable_)() = nullptr;
  Watcher watcher_;
  Napi::FunctionReference callback_;
};

}  // namespace tapnet
