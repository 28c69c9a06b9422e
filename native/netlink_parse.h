#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tapnet {

// What the kernel said about one message of a request.
struct NetlinkResult {
  // Positive errno; zero when the message was carried out.
  int error = 0;
  // Where in the message the kernel stumbled, bytes from its start; zero when it did not say.
  uint32_t offset = 0;
  // The kernel's extended ack (Documentation/userspace-api/netlink/intro.rst, "Extended ACK"); may be empty.
  std::string text;
  bool answered = false;
};

// Collects the kernel's answers to requests with the sequence numbers `first` … `first + count - 1`.
//
// Input is whatever recvmsg(2) gave: nothing is read outside of it, and messages that do not belong here are skipped.
class NetlinkReplies {
 public:
  NetlinkReplies(uint32_t port, uint32_t first, size_t count) : port_(port), first_(first), results_(count) {}

  void Take(std::span<const uint8_t> datagram);

  std::vector<NetlinkResult>& results() { return results_; }
  // Messages that are neither acks nor the end of a dump, each padded to four bytes.
  std::vector<uint8_t>& messages() { return messages_; }
  size_t answered() const { return answered_; }
  // Something changed under a dump: it has to be repeated.
  bool interrupted() const { return interrupted_; }

 private:
  struct Message;
  void TakeAck(const Message& message);
  void TakeDone(const Message& message);
  void Answer(const Message& message, int error, size_t attributes);

  uint32_t port_;
  uint32_t first_;
  std::vector<NetlinkResult> results_;
  std::vector<uint8_t> messages_;
  size_t answered_ = 0;
  bool interrupted_ = false;
};

// True if `bytes` is a row of exactly `count` whole messages, each starting on a multiple of four.
bool IsMessageRow(std::span<const uint8_t> bytes, size_t count);

}  // namespace tapnet
