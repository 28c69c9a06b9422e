#include "netlink_parse.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace tapnet {

namespace {

// The kernel's texts are short; whatever claims to be longer is cut.
constexpr size_t kTextLimit = 512;

constexpr size_t Align(size_t length) { return (length + 3) & ~size_t{3}; }

template <typename Value>
Value Read(std::span<const uint8_t> bytes, size_t offset) {
  Value value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

struct NetlinkReplies::Message {
  nlmsghdr header;
  // Header included, padding not.
  std::span<const uint8_t> bytes;
};

bool IsMessageRow(std::span<const uint8_t> bytes, size_t count) {
  size_t found = 0;
  size_t offset = 0;
  while (offset < bytes.size()) {
    if (bytes.size() - offset < sizeof(nlmsghdr)) return false;
    const auto length = Read<uint32_t>(bytes, offset);
    if (length < sizeof(nlmsghdr) || length > bytes.size() - offset) return false;
    found++;
    offset += Align(length);
  }
  return found == count;
}

void NetlinkReplies::Take(std::span<const uint8_t> datagram) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = Read<nlmsghdr>(datagram, 0);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return;
    const Message message{header, datagram.first(header.nlmsg_len)};
    datagram = datagram.subspan(std::min(Align(header.nlmsg_len), datagram.size()));
    // Multicast messages have sequence 0 or that of another's request; a late answer to an earlier request is below `first`.
    if (header.nlmsg_pid != port_ || header.nlmsg_seq - first_ >= results_.size()) continue;
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      TakeAck(message);
    } else if (header.nlmsg_type == NLMSG_DONE) {
      TakeDone(message);
    } else if (header.nlmsg_type >= NLMSG_MIN_TYPE) {
      messages_.insert(messages_.end(), message.bytes.begin(), message.bytes.end());
      messages_.resize(Align(messages_.size()));
    }
  }
}

// struct nlmsgerr: the error, then the request's header, then the rest of the request unless the answer is capped.
void NetlinkReplies::TakeAck(const Message& message) {
  if (message.bytes.size() < sizeof(nlmsghdr) + sizeof(nlmsgerr)) return;
  const auto error = Read<nlmsgerr>(message.bytes, sizeof(nlmsghdr));
  size_t attributes = sizeof(nlmsghdr) + sizeof(nlmsgerr);
  if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0 && error.msg.nlmsg_len > sizeof(nlmsghdr)) {
    attributes += Align(error.msg.nlmsg_len - sizeof(nlmsghdr));
  }
  Answer(message, error.error, attributes);
}

// The end of a dump carries its result; very old kernels send no payload.
void NetlinkReplies::TakeDone(const Message& message) {
  const bool has_error = message.bytes.size() >= sizeof(nlmsghdr) + sizeof(int);
  Answer(message, has_error ? Read<int>(message.bytes, sizeof(nlmsghdr)) : 0, sizeof(nlmsghdr) + sizeof(int));
}

void NetlinkReplies::Answer(const Message& message, int error, size_t attributes) {
  NetlinkResult& result = results_[message.header.nlmsg_seq - first_];
  if (!result.answered) answered_++;
  result.answered = true;
  // A batch may answer twice for one message; the first error stays.
  if (result.error != 0) return;
  // Errors come negated. A positive value or one that cannot be negated is not an error number.
  result.error = error < 0 && error > -4096 ? -error : 0;
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return;

  while (attributes + sizeof(nlattr) <= message.bytes.size()) {
    const auto attribute = Read<nlattr>(message.bytes, attributes);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > message.bytes.size() - attributes) return;
    const auto value = message.bytes.subspan(attributes + sizeof attribute, attribute.nla_len - sizeof attribute);
    const int type = attribute.nla_type & NLA_TYPE_MASK;
    if (type == NLMSGERR_ATTR_MSG) {
      const auto end = std::find(value.begin(), value.end(), 0);
      result.text.assign(value.begin(), value.begin() + std::min<ptrdiff_t>(end - value.begin(), kTextLimit));
    } else if (type == NLMSGERR_ATTR_OFFS && value.size() >= sizeof(uint32_t)) {
      result.offset = Read<uint32_t>(value, 0);
    } else if (type == NLMSGERR_ATTR_MISS_TYPE && value.size() >= sizeof(uint32_t) && result.text.empty()) {
      result.text = "attribute " + std::to_string(Read<uint32_t>(value, 0)) + " is missing";
    }
    attributes += Align(attribute.nla_len);
  }
}

}  // namespace tapnet
