#include "netlink_channel.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace tapnet {

namespace {

// The kernel fills up to 32 KiB of a dump at once; one message of a link with many virtual functions may be longer.
constexpr size_t kReceiveBytes = 256 * 1024;
// Room for the acks of a chunk and for bursts of notifications. Forced past rmem_max where allowed.
constexpr int kSocketBytes = 8 * 1024 * 1024;
// Messages of one sendmsg(2): their acks fit the default receive buffer of an unprivileged process too.
constexpr size_t kChunkMessages = 128;
constexpr int kDumpAttempts = 16;
// The next part of a dump is made while the last is read, so this only ends what would hang on a broken kernel.
constexpr int kDumpTimeoutMs = 5000;

constexpr size_t Align(size_t length) { return (length + 3) & ~size_t{3}; }

nlmsghdr HeaderAt(std::span<const uint8_t> messages, size_t offset) {
  nlmsghdr header;
  std::memcpy(&header, messages.data() + offset, sizeof header);
  return header;
}

void SetOption(int fd, int level, int option, int value) {
  // Each is an improvement that an older kernel, or missing privilege, may refuse; answers are understood without it.
  static_cast<void>(setsockopt(fd, level, option, &value, sizeof value));
}

}  // namespace

const char* NetlinkProtocolName(int protocol) {
  switch (protocol) {
    case NETLINK_ROUTE: return "rtnetlink";
    case NETLINK_NETFILTER: return "nfnetlink";
    case NETLINK_GENERIC: return "generic netlink";
    default: return "netlink";
  }
}

SysError NetlinkChannel::Fail(const char* syscall, int number) const {
  return ErrorOf(number, syscall, NetlinkProtocolName(protocol_));
}

SysError NetlinkChannel::Open(int protocol) {
  protocol_ = protocol;
  fd_ = UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd_.valid()) return Fail("socket", errno);
  SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUF, kSocketBytes);
  SetOption(fd_.get(), SOL_SOCKET, SO_SNDBUF, kSocketBytes);
  SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketBytes);
  SetOption(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, kSocketBytes);
  SetOption(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, 1);
  SetOption(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, 1);
  SetOption(fd_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);

  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof address;
  if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Fail("bind", errno);
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return Fail("getsockname", errno);
  port_ = address.nl_pid;
  return {};
}

SysError NetlinkChannel::Join(uint32_t group) {
  const std::string object = std::string(NetlinkProtocolName(protocol_)) + " group " + std::to_string(group);
  if (setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0) return {};
  return LastError("NETLINK_ADD_MEMBERSHIP", object);
}

int NetlinkChannel::Send(std::span<const uint8_t> messages) const {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  iovec part{const_cast<uint8_t*>(messages.data()), messages.size()};
  msghdr header{};
  header.msg_name = &kernel;
  header.msg_namelen = sizeof kernel;
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  while (sendmsg(fd_.get(), &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

NetlinkChannel::Received NetlinkChannel::Receive(std::span<const uint8_t>& datagram) {
  // Not zeroed: only the pages that the kernel writes are ever touched.
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<uint8_t[]>(kReceiveBytes);
  for (;;) {
    sockaddr_nl sender{};
    iovec part{buffer_.get(), kReceiveBytes};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t length = recvmsg(fd_.get(), &header, MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Received::kNothing;
      return errno == ENOBUFS ? Received::kOverrun : Received::kError;
    }
    // Other processes may send to us as well: only the kernel has port 0.
    if (header.msg_namelen != sizeof sender || sender.nl_pid != 0) continue;
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      errno = EMSGSIZE;
      return Received::kError;
    }
    datagram = {buffer_.get(), static_cast<size_t>(length)};
    return Received::kDatagram;
  }
}

int NetlinkChannel::Collect(NetlinkReplies& replies) {
  int lost = 0;
  std::span<const uint8_t> datagram;
  for (;;) {
    switch (Receive(datagram)) {
      case Received::kDatagram: replies.Take(datagram); break;
      case Received::kOverrun: lost = ENOBUFS; break;
      case Received::kNothing: return lost;
      case Received::kError: return errno;
    }
  }
}

// The frame of an nfnetlink batch is not a request: the kernel answers to it only when the whole batch failed.
bool NetlinkChannel::NeedsAck(uint16_t type) const {
  return protocol_ != NETLINK_NETFILTER || (type != NFNL_MSG_BATCH_BEGIN && type != NFNL_MSG_BATCH_END);
}

void NetlinkChannel::Transact(std::span<uint8_t> messages, size_t count, std::vector<NetlinkResult>& results,
                              std::vector<uint8_t>& answers) {
  results.clear();
  results.reserve(count);
  // An nfnetlink batch is one transaction and must arrive whole; all else may be cut between messages.
  const size_t chunk_limit = protocol_ == NETLINK_NETFILTER ? count : kChunkMessages;
  while (results.size() < count) {
    const size_t chunk = std::min(chunk_limit, count - results.size());
    std::vector<bool> wants_ack(chunk);
    NetlinkReplies replies(port_, sequence_, chunk);
    const size_t bytes = Stamp(messages, wants_ack);

    NetlinkResult silence{.error = ENODATA, .offset = 0, .text = "the kernel did not answer", .answered = false};
    if (const int failure = Send(messages.first(bytes)); failure != 0) {
      silence = {.error = failure, .offset = 0, .text = "the request could not be sent", .answered = false};
      wants_ack.assign(chunk, true);
    } else if (const int lost = Collect(replies); lost != 0) {
      silence = {.error = lost, .offset = 0, .text = "the answer was lost", .answered = false};
    } else if (!wants_ack[0] && replies.results()[0].error != 0) {
      // The kernel refuses a whole batch by an error for the message that begins it.
      silence = replies.results()[0];
      wants_ack.assign(chunk, true);
    }
    for (size_t row = 0; row < chunk; row++) {
      NetlinkResult& result = replies.results()[row];
      results.push_back(result.answered || !wants_ack[row] ? std::move(result) : silence);
    }
    answers.insert(answers.end(), replies.messages().begin(), replies.messages().end());
    messages = messages.subspan(bytes);
  }
}

// Writes what the caller need not know into the next messages, and returns how many bytes they are.
size_t NetlinkChannel::Stamp(std::span<uint8_t> messages, std::vector<bool>& wants_ack) {
  size_t offset = 0;
  for (size_t row = 0; row < wants_ack.size(); row++) {
    nlmsghdr header = HeaderAt(messages, offset);
    wants_ack[row] = NeedsAck(header.nlmsg_type);
    header.nlmsg_flags |= NLM_F_REQUEST | (wants_ack[row] ? NLM_F_ACK : 0);
    header.nlmsg_seq = sequence_++;
    header.nlmsg_pid = 0;
    std::memcpy(messages.data() + offset, &header, sizeof header);
    offset = std::min(offset + Align(header.nlmsg_len), messages.size());
  }
  return offset;
}

SysError NetlinkChannel::DumpOnce(std::span<uint8_t> message, NetlinkReplies& replies) {
  if (const int failure = Send(message); failure != 0) return Fail("sendmsg", failure);
  std::span<const uint8_t> datagram;
  while (replies.answered() == 0) {
    switch (Receive(datagram)) {
      case Received::kDatagram: replies.Take(datagram); break;
      case Received::kOverrun: return Fail("recvmsg", ENOBUFS);
      case Received::kError: return Fail("recvmsg", errno);
      case Received::kNothing: {
        pollfd waiting{fd_.get(), POLLIN, 0};
        const int ready = poll(&waiting, 1, kDumpTimeoutMs);
        if (ready == 0) return Fail("recvmsg", ETIMEDOUT);
        if (ready < 0 && errno != EINTR) return Fail("poll", errno);
      }
    }
  }
  const NetlinkResult& result = replies.results()[0];
  SysError error = Fail("dump", result.error);
  error.hint = result.text;
  return error;
}

SysError NetlinkChannel::Dump(std::span<uint8_t> message, std::vector<uint8_t>& answers) {
  for (int attempt = 0; attempt < kDumpAttempts; attempt++) {
    nlmsghdr header = HeaderAt(message, 0);
    header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
    header.nlmsg_seq = sequence_++;
    header.nlmsg_pid = 0;
    std::memcpy(message.data(), &header, sizeof header);
    NetlinkReplies replies(port_, header.nlmsg_seq, 1);
    SysError error = DumpOnce(message, replies);
    if (error.failed()) {
      // A dump that is left half-way would go on filling the queue and make the next one fail with EBUSY.
      const int protocol = protocol_;
      if (replies.answered() == 0) static_cast<void>(Open(protocol));
      return error;
    }
    if (!replies.interrupted()) {
      answers = std::move(replies.messages());
      return {};
    }
  }
  SysError error = Fail("dump", EINTR);
  error.hint = "the kernel's tables changed during each of " + std::to_string(kDumpAttempts) + " attempts";
  return error;
}

SysError NetlinkChannel::Drain(size_t limit, std::vector<uint8_t>& messages, bool& overrun) {
  std::span<const uint8_t> datagram;
  while (messages.size() < limit) {
    switch (Receive(datagram)) {
      case Received::kDatagram:
        messages.insert(messages.end(), datagram.begin(), datagram.end());
        messages.resize(Align(messages.size()));
        break;
      case Received::kOverrun: overrun = true; break;
      case Received::kNothing: return {};
      case Received::kError: return Fail("recvmsg", errno);
    }
  }
  return {};
}

}  // namespace tapnet
