#pragma once

#include <napi.h>

#include <memory>

#include "closer.h"
#include "sys_error.h"
#include "watcher.h"

namespace tapnet {

// What one JavaScript environment (the main thread, or a worker) owns. Nothing in the addon is global.
class Environment {
 public:
  // Called once for each environment; false leaves an exception pending.
  static bool Create(Napi::Env env);
  static Environment* Of(Napi::Env env) { return env.GetInstanceData<Environment>(); }

  const std::shared_ptr<WatcherLoop>& loop() const { return loop_; }
  Closer& closer() const { return *closer_; }
  // Whether the environment is being torn down: nothing new is begun.
  bool ending() const { return loop_->ending(); }

  // The functions that make TapnetError and SystemError: the classes live in TypeScript.
  void SetErrorFactories(Napi::Function state_error, Napi::Function system_error);

  Napi::Value MakeStateError(Napi::Env env, const char* code, const std::string& message) const;
  Napi::Value MakeSystemError(Napi::Env env, const SysError& error) const;

 private:
  std::shared_ptr<WatcherLoop> loop_;
  std::shared_ptr<Closer> closer_ = std::make_shared<Closer>();
  Napi::FunctionReference state_error_;
  Napi::FunctionReference system_error_;
};

// Leaves an exception pending and returns undefined, so that callers can `return Throw(...)`.
Napi::Value Throw(Napi::Env env, const SysError& error);
Napi::Value ThrowState(Napi::Env env, const char* code, const std::string& message);
Napi::Value ThrowClosed(Napi::Env env, const char* what);

}  // namespace tapnet
