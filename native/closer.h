#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "fd.h"

namespace tapnet {

// Closes descriptors in the background, for the whole environment: what is added while others are being closed waits for them
// and is then closed in one go, so that a thousand of them take one pool thread and not a thousand turns of it.
class Closer : public std::enable_shared_from_this<Closer> {
 public:
  // The promise resolves when these, and all that were added with them, are closed.
  Napi::Value Add(Napi::Env env, std::vector<UniqueFd> descriptors);

 private:
  void Start(Napi::Env env);

  std::vector<UniqueFd> waiting_;
  // Of those that wait. A Deferred keeps no hold on its own promise.
  std::optional<Napi::Promise::Deferred> closed_;
  Napi::ObjectReference promise_;
  bool busy_ = false;
};

}  // namespace tapnet
