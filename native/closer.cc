#include "closer.h"

#include <iterator>
#include <utility>

#include "close_all.h"
#include "task.h"

namespace tapnet {

Napi::Value Closer::Add(Napi::Env env, std::vector<UniqueFd> descriptors) {
  waiting_.insert(waiting_.end(), std::make_move_iterator(descriptors.begin()),
                  std::make_move_iterator(descriptors.end()));
  if (!closed_.has_value()) {
    closed_ = Napi::Promise::Deferred::New(env);
    promise_ = Napi::Persistent(closed_->Promise().As<Napi::Object>());
  }
  const Napi::Value promise = promise_.Value();
  if (!busy_) Start(env);
  return promise;
}

// When the environment ends, what still waits is closed by the destructor, and nobody waits for the promise.
void Closer::Start(Napi::Env env) {
  busy_ = true;
  auto descriptors = std::make_shared<std::vector<UniqueFd>>(std::exchange(waiting_, {}));
  const Napi::Promise::Deferred closed = *std::exchange(closed_, std::nullopt);
  promise_.Reset();
  const auto work = [descriptors] {
    CloseAll(*descriptors);
    return SysError{};
  };
  Task::Run(env, "tapnet.close", work, [self = shared_from_this(), closed](Napi::Env done) -> Napi::Value {
    self->busy_ = false;
    closed.Resolve(done.Undefined());
    if (self->closed_.has_value() && !Environment::Of(done)->ending()) self->Start(done);
    return done.Undefined();
  });
}

}  // namespace tapnet
