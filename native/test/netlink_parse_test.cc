#include <linux/netlink.h>

#include <cstring>

#include "check.h"
#include "netlink_parse.h"

namespace tapnet::test {

namespace {

constexpr uint32_t kPort = 4711;
constexpr uint32_t kFirst = 100;

using Bytes = std::vector<uint8_t>;

template <typename Value>
void Append(Bytes& bytes, const Value& value) {
  const auto* start = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), start, start + sizeof value);
}

void Pad(Bytes& bytes) { bytes.resize((bytes.size() + 3) & ~size_t{3}); }

Bytes Message(uint16_t type, uint16_t flags, uint32_t sequence, uint32_t port, const Bytes& payload) {
  Bytes bytes;
  Append(bytes, nlmsghdr{.nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + payload.size()),
                         .nlmsg_type = type,
                         .nlmsg_flags = flags,
                         .nlmsg_seq = sequence,
                         .nlmsg_pid = port});
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  Pad(bytes);
  return bytes;
}

Bytes Attribute(uint16_t type, const Bytes& value) {
  Bytes bytes;
  Append(bytes, nlattr{.nla_len = static_cast<uint16_t>(sizeof(nlattr) + value.size()), .nla_type = type});
  bytes.insert(bytes.end(), value.begin(), value.end());
  Pad(bytes);
  return bytes;
}

Bytes Text(const char* text) { return Bytes(text, text + std::strlen(text) + 1); }

Bytes Ack(int error, uint32_t sequence, uint16_t flags, const Bytes& rest, uint32_t request_bytes = sizeof(nlmsghdr)) {
  Bytes payload;
  Append(payload, error);
  Append(payload, nlmsghdr{.nlmsg_len = request_bytes, .nlmsg_type = 0, .nlmsg_flags = 0, .nlmsg_seq = 0, .nlmsg_pid = 0});
  payload.insert(payload.end(), rest.begin(), rest.end());
  return Message(NLMSG_ERROR, flags, sequence, kPort, payload);
}

Bytes Join(const std::vector<Bytes>& parts) {
  Bytes bytes;
  for (const Bytes& part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

const Bytes kRefused = Join({Attribute(NLMSGERR_ATTR_MSG, Text("Nexthop has invalid gateway")),
                             Attribute(NLMSGERR_ATTR_OFFS, {28, 0, 0, 0})});

const Register acks("acks are matched by sequence, with the kernel's words", [] {
  NetlinkReplies replies(kPort, kFirst, 3);
  replies.Take(Join({Ack(-ENOENT, kFirst + 2, NLM_F_CAPPED, {}),
                     Ack(-EINVAL, kFirst, NLM_F_CAPPED | NLM_F_ACK_TLVS, kRefused),
                     Ack(0, kFirst + 1, NLM_F_CAPPED, {})}));
  CHECK(replies.answered() == 3);
  CHECK(replies.results()[0].error == EINVAL);
  CHECK(replies.results()[0].text == "Nexthop has invalid gateway");
  CHECK(replies.results()[0].offset == 28);
  CHECK(replies.results()[1].answered && replies.results()[1].error == 0);
  CHECK(replies.results()[2].error == ENOENT && replies.results()[2].text.empty());
  return std::string();
});

const Register uncapped("the request that an uncapped ack repeats is skipped", [] {
  NetlinkReplies replies(kPort, kFirst, 1);
  replies.Take(Ack(-EINVAL, kFirst, NLM_F_ACK_TLVS, Join({Bytes(16, 0xff), kRefused}), sizeof(nlmsghdr) + 16));
  CHECK(replies.results()[0].text == "Nexthop has invalid gateway");
  return std::string();
});

const Register missing("a missing attribute is named when there is no text", [] {
  NetlinkReplies replies(kPort, kFirst, 1);
  replies.Take(Ack(-EINVAL, kFirst, NLM_F_CAPPED | NLM_F_ACK_TLVS, Attribute(NLMSGERR_ATTR_MISS_TYPE, {7, 0, 0, 0})));
  CHECK(replies.results()[0].text == "attribute 7 is missing");
  return std::string();
});

const Register foreign("what belongs to others is skipped", [] {
  NetlinkReplies replies(kPort, kFirst, 2);
  replies.Take(Join({Message(NLMSG_ERROR, 0, kFirst, kPort + 1, Bytes(20)), Ack(-EPERM, kFirst - 1, 0, {}),
                     Ack(-EPERM, kFirst + 2, 0, {}), Message(16, 0, 0, 0, Bytes(32))}));
  CHECK(replies.answered() == 0);
  CHECK(replies.messages().empty());
  return std::string();
});

const Register dumps("a dump's messages are kept whole, its end carries its error", [] {
  NetlinkReplies replies(kPort, kFirst, 1);
  const Bytes one = Message(16, NLM_F_MULTI, kFirst, kPort, Bytes(5, 1));
  const Bytes two = Message(16, NLM_F_MULTI | NLM_F_DUMP_INTR, kFirst, kPort, Bytes(8, 2));
  replies.Take(Join({one, two}));
  CHECK(replies.answered() == 0);
  CHECK(replies.interrupted());
  CHECK(replies.messages() == Join({one, two}));
  Bytes end;
  Append(end, -EINTR);
  replies.Take(Message(NLMSG_DONE, NLM_F_MULTI, kFirst, kPort, end));
  CHECK(replies.answered() == 1 && replies.results()[0].error == EINTR);
  return std::string();
});

const Register odd_errors("an error that is no error number counts as none", [] {
  for (const int error : {1, 5000, -5000, INT32_MIN, INT32_MAX}) {
    NetlinkReplies replies(kPort, kFirst, 1);
    replies.Take(Ack(error, kFirst, NLM_F_CAPPED, {}));
    CHECK(replies.results()[0].answered && replies.results()[0].error == 0);
  }
  return std::string();
});

const Register truncated("any cut, and any false length, stays inside", [] {
  const Bytes whole = Join({Ack(-EINVAL, kFirst, NLM_F_CAPPED | NLM_F_ACK_TLVS, kRefused),
                            Message(16, 0, kFirst + 1, kPort, Bytes(9, 1))});
  for (size_t length = 0; length <= whole.size(); length++) {
    // Of exact size, so that a read behind the end is seen.
    NetlinkReplies(kPort, kFirst, 2).Take(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length)));
  }
  for (size_t at = 0; at < whole.size(); at++) {
    for (const int value : {0, 1, 3, 0x7f, 0x80, 0xff}) {
      Bytes changed = whole;
      changed[at] = static_cast<uint8_t>(value);
      NetlinkReplies(kPort, kFirst, 2).Take(changed);
    }
  }
  return std::string();
});

const Register rows("a row of messages is counted, and refused when it does not fit", [] {
  const Bytes one = Message(16, 0, 0, 0, Bytes(5));
  CHECK(IsMessageRow(one, 1));
  CHECK(IsMessageRow(Join({one, one}), 2));
  CHECK(!IsMessageRow(Join({one, one}), 1));
  CHECK(IsMessageRow({}, 0));
  CHECK(!IsMessageRow({}, 1));
  // The last message may come without its padding; nothing else may be short.
  CHECK(IsMessageRow(std::span(one).first(21), 1));
  CHECK(!IsMessageRow(std::span(one).first(20), 1));
  CHECK(!IsMessageRow(std::span(one).first(8), 1));
  Bytes tiny = one;
  tiny[0] = 15;
  CHECK(!IsMessageRow(tiny, 1));
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
