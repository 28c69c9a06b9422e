#pragma once

#include <napi.h>

#include <functional>
#include <utility>

#include "environment.h"

namespace tapnet {

// Runs blocking system calls on libuv's thread pool and settles a promise with the outcome. `work` sees no JavaScript; it
// owns all that it touches. `convert` runs on the JavaScript thread after success.
class Task : public Napi::AsyncWorker {
 public:
  using Work = std::function<SysError()>;
  using Convert = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value Run(Napi::Env env, const char* name, Work work, Convert convert) {
    auto* task = new Task(env, name, std::move(work), std::move(convert));
    Napi::Promise promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

 protected:
  void Execute() override { outcome_ = work_(); }

  // When the environment is ending neither call succeeds, and nobody waits for the promise.
  void OnOK() override {
    Napi::Env env = Env();
    if (outcome_.failed()) {
      const Napi::Value error = Environment::Of(env)->MakeSystemError(env, outcome_);
      if (!error.IsEmpty()) deferred_.Reject(error);
    } else {
      const Napi::Value value = convert_(env);
      if (!value.IsEmpty()) deferred_.Resolve(value);
    }
  }

 private:
  Task(Napi::Env env, const char* name, Work work, Convert convert)
      : Napi::AsyncWorker(env, name),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise::Deferred deferred_;
  Work work_;
  Convert convert_;
  SysError outcome_;
};

}  // namespace tapnet
