#include "closer.h"

#include <iterator>

#include "close_all.h"
#include "task.h"

namespace tapnet {

void Closer::Add(Napi::Env env, std::vector<UniqueFd> descriptors) {
  waiting_.insert(waiting_.end(), std::make_move_iterator(descriptors.begin()),
                  std::make_move_iterator(descriptors.end()));
  if (!busy_ && !waiting_.empty()) Start(env);
}

// The promise is nobody's: closing has no outcome. When the environment ends, what still waits is closed by the destructor.
void Closer::Start(Napi::Env env) {
  busy_ = true;
  auto descriptors = std::make_shared<std::vector<UniqueFd>>(std::move(waiting_));
  waiting_.clear();
  const auto work = [descriptors] {
    CloseAll(*descriptors);
    return SysError{};
  };
  Task::Run(env, "tapnet.close", work, [self = shared_from_this()](Napi::Env done) {
    self->busy_ = false;
    if (!self->waiting_.empty() && !Environment::Of(done)->ending()) self->Start(done);
    return done.Undefined();
  });
}

}  // namespace tapnet
