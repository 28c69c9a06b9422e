#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "fd.h"

namespace tapnet {

// Closes descriptors in the background, for the whole environment: what is added while others are being closed waits for them
// and is then closed in one go, so that a thousand of them take one pool thread and not a thousand turns of it.
class Closer : public std::enable_shared_from_this<Closer> {
 public:
  void Add(Napi::Env env, std::vector<UniqueFd> descriptors);

 private:
  void Start(Napi::Env env);

  std::vector<UniqueFd> waiting_;
  bool busy_ = false;
};

}  // namespace tapnet
