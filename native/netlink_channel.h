#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fd.h"
#include "netlink_parse.h"
#include "sys_error.h"

namespace tapnet {

// One netlink socket that asks and reads answers: no JavaScript here, so it also runs on a pool thread.
//
// The kernel carries out a request inside sendmsg(2): when the call returns, all acks wait in the receive queue. So nothing
// here blocks for an answer, and an answer that is missing after a send will never come.
class NetlinkChannel {
 public:
  // caps: none to open; what is asked may need NET_ADMIN in the user namespace that owns the network namespace.
  SysError Open(int protocol);
  void Close() { fd_.Reset(); }
  bool open() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  uint32_t port() const { return port_; }

  // Sends `count` messages and fills one result for each. Sequence numbers and the ack flag are written into `messages`.
  // What could not even be sent has the error of the send. Answers other than acks go to `answers`.
  void Transact(std::span<uint8_t> messages, size_t count, std::vector<NetlinkResult>& results,
                std::vector<uint8_t>& answers);

  // Asks for a dump and reads it to its end; repeated from the start, up to kDumpAttempts times, if it was interrupted.
  // The error's hint is the kernel's text.
  SysError Dump(std::span<uint8_t> message, std::vector<uint8_t>& answers);

  SysError Join(uint32_t group);

  // Reads at most `limit` bytes of what came without a question. `overrun` tells that the kernel had to drop messages.
  SysError Drain(size_t limit, std::vector<uint8_t>& messages, bool& overrun);

 private:
  enum class Received { kDatagram, kNothing, kOverrun, kError };

  Received Receive(std::span<const uint8_t>& datagram);
  SysError DumpOnce(std::span<uint8_t> message, NetlinkReplies& replies);
  bool NeedsAck(uint16_t type) const;
  size_t Stamp(std::span<uint8_t> messages, std::vector<bool>& wants_ack);
  int Send(std::span<const uint8_t> messages) const;
  // Reads answers while there are any. Zero, or what receiving failed with (ENOBUFS: answers were lost).
  int Collect(NetlinkReplies& replies);
  SysError Fail(const char* syscall, int number) const;

  UniqueFd fd_;
  int protocol_ = 0;
  uint32_t port_ = 0;
  uint32_t sequence_ = 1;
  std::unique_ptr<uint8_t[]> buffer_;
};

// A name for error messages: "rtnetlink", "nfnetlink", …
const char* NetlinkProtocolName(int protocol);

}  // namespace tapnet
