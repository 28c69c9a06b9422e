#include "environment.h"

namespace tapnet {

namespace {

// Throws `error`; where an environment is being torn down nothing can be thrown, and nobody would see it.
void ThrowValue(Napi::Env env, Napi::Value error) {
  if (env.IsExceptionPending() || error.IsEmpty()) return;
  if (napi_throw(env, error) != napi_ok) return;
}

Napi::Value PlainError(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  Napi::Object object = error.Value();
  if (!object.IsEmpty()) object.Set("code", Napi::String::New(env, code));
  return object;
}

}  // namespace

bool Environment::Create(Napi::Env env) {
  auto loop = WatcherLoop::Create(env);
  if (loop == nullptr) return false;
  auto* environment = new Environment();
  environment->loop_ = std::move(loop);
  env.SetInstanceData<Environment>(environment);
  return !env.IsExceptionPending();
}

void Environment::SetErrorFactories(Napi::Function state_error, Napi::Function system_error) {
  state_error_ = Napi::Persistent(state_error);
  system_error_ = Napi::Persistent(system_error);
}

Napi::Value Environment::MakeStateError(Napi::Env env, const char* code, const std::string& message) const {
  if (state_error_.IsEmpty()) return PlainError(env, code, message);
  return state_error_.Call({Napi::String::New(env, code), Napi::String::New(env, message)});
}

Napi::Value Environment::MakeSystemError(Napi::Env env, const SysError& error) const {
  if (system_error_.IsEmpty()) return PlainError(env, "SYSTEM", std::string(error.syscall) + " " + error.object);
  return system_error_.Call({
      Napi::Number::New(env, error.number),
      Napi::String::New(env, error.syscall),
      Napi::String::New(env, error.object),
      Napi::String::New(env, error.hint),
  });
}

Napi::Value Throw(Napi::Env env, const SysError& error) {
  if (!env.IsExceptionPending()) ThrowValue(env, Environment::Of(env)->MakeSystemError(env, error));
  return env.Undefined();
}

Napi::Value ThrowState(Napi::Env env, const char* code, const std::string& message) {
  if (!env.IsExceptionPending()) ThrowValue(env, Environment::Of(env)->MakeStateError(env, code, message));
  return env.Undefined();
}

Napi::Value ThrowClosed(Napi::Env env, const char* what) {
  return ThrowState(env, "CLOSED", std::string(what) + " is closed");
}

}  // namespace tapnet
