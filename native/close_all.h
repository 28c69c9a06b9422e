#pragma once

#include <vector>

#include "fd.h"

namespace tapnet {

// Closes descriptors whose close(2) waits for the kernel: a packet socket or a TAP takes 10 to 20 ms, because nobody may be
// looking at it any more (an RCU grace period). Many wait together as long as one, so each of up to 64 threads closes a share.
// Returns when all are closed.
void CloseAll(std::vector<UniqueFd>& descriptors);

}  // namespace tapnet
