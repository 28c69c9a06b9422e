#include "capture_channel.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "capture_feed.h"
#include "packet_link.h"

namespace tapnet {

namespace {

constexpr size_t kFramesMax = 64;
constexpr size_t kTagBytes = 4;
constexpr size_t kAddressesBytes = 12;
constexpr const char* kObject = "capture";

SysError SetOption(int fd, int level, int option, int value, const char* name) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0 ? SysError{} : LastError(name, kObject);
}

SysError SetOptions(int fd, int receive_bytes) {
  SysError error = SetOption(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
  if (!error.failed()) error = SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
  // Who may not go beyond the system's limit gets what it allows.
  if (!error.failed() && SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_bytes, "SO_RCVBUFFORCE").failed()) {
    error = SetOption(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes, "SO_RCVBUF");
  }
  return error;
}

using FedHeader = std::array<uint8_t, feed::kHeaderBytes>;

uint16_t Read16(const FedHeader& header, size_t at) { return static_cast<uint16_t>(header[at] << 8 | header[at + 1]); }

uint32_t Read32(const FedHeader& header, size_t at) {
  return static_cast<uint32_t>(Read16(header, at)) << 16 | Read16(header, at + 2);
}

void KeepTime(const CaptureColumns& columns, size_t row, msghdr& header) {
  columns.seconds[row] = 0;
  columns.nanoseconds[row] = 0;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec time;
    std::memcpy(&time, CMSG_DATA(control), sizeof time);
    columns.seconds[row] = static_cast<uint32_t>(time.tv_sec);
    columns.nanoseconds[row] = static_cast<uint32_t>(time.tv_nsec);
  }
}

// Puts a tag that was taken out back into its frame, which has room for it in front.
void PutTag(const CaptureColumns& columns, size_t row, uint16_t type, uint16_t tag) {
  if (columns.length[row] < kAddressesBytes) return;
  columns.offset[row] -= kTagBytes;
  uint8_t* frame = columns.slab.data() + columns.offset[row];
  std::memmove(frame, frame + kTagBytes, kAddressesBytes);
  frame[kAddressesBytes] = static_cast<uint8_t>(type >> 8);
  frame[kAddressesBytes + 1] = static_cast<uint8_t>(type);
  frame[kAddressesBytes + 2] = static_cast<uint8_t>(tag >> 8);
  frame[kAddressesBytes + 3] = static_cast<uint8_t>(tag);
  columns.length[row] += kTagBytes;
  columns.original[row] += kTagBytes;
}

}  // namespace

struct CaptureChannel::Scratch {
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(tpacket_auxdata)) + CMSG_SPACE(sizeof(timespec))> bytes;
  };
  std::array<mmsghdr, kFramesMax> headers;
  // Of each message: a feed's header, and the frame.
  std::array<std::array<uint8_t, feed::kHeaderBytes>, kFramesMax> fed;
  std::array<std::array<iovec, 2>, kFramesMax> parts;
  std::array<sockaddr_ll, kFramesMax> addresses;
  std::array<Control, kFramesMax> controls;
};

CaptureChannel::CaptureChannel() = default;

CaptureChannel::~CaptureChannel() = default;

SysError CaptureChannel::Open(uint32_t ifindex, int receive_bytes) {
  // Protocol 0: nothing is received until bind(2) names one, and then the filter is there.
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    SysError error = LastError("socket(AF_PACKET)", kObject);
    if (error.number == EPERM) error.hint = "needs CAP_NET_RAW in this network namespace";
    return error;
  }
  if (SysError error = SetOptions(fd.get(), receive_bytes); error.failed()) return error;
  StopPacketLink(fd.get());
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return LastError("bind(AF_PACKET)", "interface " + std::to_string(ifindex));
  }
  fd_ = std::move(fd);
  scratch_ = std::make_unique<Scratch>();
  return {};
}

SysError CaptureChannel::Adopt(int fd_number) {
  UniqueFd fd(fd_number);
  int domain = 0;
  socklen_t length = sizeof domain;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) return LastError("SO_DOMAIN", kObject);
  if (domain != AF_PACKET && domain != AF_UNIX) return ErrorOf(EAFNOSUPPORT, "SO_DOMAIN", kObject);
  if (fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return LastError("F_SETFD", kObject);
  fd_ = std::move(fd);
  fed_ = domain == AF_UNIX;
  scratch_ = std::make_unique<Scratch>();
  return {};
}

void CaptureChannel::Close() {
  fd_.Reset();
  scratch_.reset();
}

SysError CaptureChannel::SetFilter(std::span<const sock_filter> filter) {
  StopPacketLink(fd_.get());
  uint8_t byte = 0;
  while (recv(fd_.get(), &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
  }
  if (!fed_) TakePacketDrops(fd_.get());
  const std::vector<sock_filter> behind = fed_ ? FeedFilter(filter) : std::vector<sock_filter>();
  SysError error = SetPacketFilter(fd_.get(), 0, fed_ ? behind : filter);
  error.object = kObject;
  return error;
}

size_t CaptureChannel::Receive(const CaptureColumns& columns) {
  Scratch& scratch = *scratch_;
  const size_t rows = std::min(columns.offset.size(), kFramesMax);
  const size_t stride = columns.slab.size() / columns.offset.size();
  if (stride <= kTagBytes) return 0;
  for (size_t index = 0; index < rows; index++) {
    // In front of each frame is room for its tag.
    auto& parts = scratch.parts[index];
    parts[0] = {scratch.fed[index].data(), scratch.fed[index].size()};
    parts[1] = {columns.slab.data() + index * stride + kTagBytes, stride - kTagBytes};
    msghdr& header = scratch.headers[index].msg_hdr;
    header = {};
    header.msg_name = &scratch.addresses[index];
    header.msg_namelen = sizeof scratch.addresses[index];
    header.msg_iov = fed_ ? parts.data() : &parts[1];
    header.msg_iovlen = fed_ ? 2 : 1;
    header.msg_control = scratch.controls[index].bytes.data();
    header.msg_controllen = scratch.controls[index].bytes.size();
  }
  const int received = recvmmsg(fd_.get(), scratch.headers.data(), static_cast<unsigned>(rows), MSG_DONTWAIT, nullptr);
  // Besides EAGAIN: ENETDOWN, once, when the interface goes down.
  if (received <= 0) return 0;
  if (fed_) return KeepFed(columns, static_cast<size_t>(received), stride);
  for (size_t index = 0; index < static_cast<size_t>(received); index++) {
    columns.offset[index] = static_cast<uint32_t>(index * stride + kTagBytes);
    Keep(columns, index, index);
  }
  return static_cast<size_t>(received);
}

void CaptureChannel::Keep(const CaptureColumns& columns, size_t row, size_t index) {
  msghdr& header = scratch_->headers[index].msg_hdr;
  const uint32_t length = scratch_->headers[index].msg_len;
  columns.length[row] = length;
  columns.original[row] = length;
  columns.flags[row] = scratch_->addresses[index].sll_pkttype == PACKET_OUTGOING ? kCaptureOutgoing : 0;
  KeepTime(columns, row, header);
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata auxiliary;
    std::memcpy(&auxiliary, CMSG_DATA(control), sizeof auxiliary);
    columns.original[row] = auxiliary.tp_len;
    if ((auxiliary.tp_status & TP_STATUS_VLAN_VALID) == 0) continue;
    const bool has_type = (auxiliary.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    PutTag(columns, row, has_type ? auxiliary.tp_vlan_tpid : ETH_P_8021Q, auxiliary.tp_vlan_tci);
  }
}

size_t CaptureChannel::KeepFed(const CaptureColumns& columns, size_t received, size_t stride) {
  size_t row = 0;
  for (size_t index = 0; index < received; index++) {
    const mmsghdr& message = scratch_->headers[index];
    // Each message has a header: none is the end.
    if (message.msg_len < feed::kHeaderBytes) {
      ended_ = true;
      break;
    }
    const auto& header = scratch_->fed[index];
    const uint32_t lost = Read32(header, feed::kLost);
    counts_.dropped += lost - lost_before_;
    counts_.received += lost - lost_before_;
    lost_before_ = lost;
    const uint32_t original = Read32(header, feed::kLength);
    if (original == 0) continue;
    counts_.received++;
    columns.offset[row] = static_cast<uint32_t>(index * stride + kTagBytes);
    columns.length[row] = message.msg_len - static_cast<uint32_t>(feed::kHeaderBytes);
    columns.original[row] = original;
    columns.flags[row] = header[feed::kOutgoing] != 0 ? kCaptureOutgoing : 0;
    KeepTime(columns, row, scratch_->headers[index].msg_hdr);
    if (header[feed::kTagged] != 0) PutTag(columns, row, Read16(header, feed::kTagType), Read16(header, feed::kTag));
    row++;
  }
  return row;
}

CaptureCounts CaptureChannel::Counts() {
  if (fed_) return counts_;
  tpacket_stats statistics{};
  socklen_t length = sizeof statistics;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
    counts_.received += statistics.tp_packets;
    counts_.dropped += statistics.tp_drops;
  }
  return counts_;
}

// packet_notifier() puts -1 there when the interface is unregistered, and keeps the index while the link is down.
bool CaptureChannel::Vanished() const {
  if (fed_) return ended_;
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return true;
  return address.sll_ifindex < 0;
}

}  // namespace tapnet
