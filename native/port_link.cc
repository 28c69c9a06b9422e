#include "port_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "link_scratch.h"
#include "packet_link.h"
#include "unix_channel.h"

namespace tapnet {

namespace {

// Bits of the column `flags`; the same as FORWARD_FLAG in src/frame/forward/batch.ts.
constexpr uint8_t kChecksumPartial = 1;
constexpr uint8_t kTruncated = 2;

constexpr size_t kPrefix = 4;
// One read of a stream. More makes who receives wait longer for the first of it than the saved calls are worth: with frames
// of 1,514 bytes 96 KiB carried 15 Gbit/s where 256 KiB carried 4 and 48 KiB 8.
constexpr size_t kStreamChunk = 96 * 1024;
constexpr int kSendBytes = 1024 * 1024;
// Some tenths of a second of a gigabit.
constexpr int kFeedSendBytes = 32 * 1024 * 1024;

// Beyond the host's limit only with NET_ADMIN; less room means that frames wait in our own queue earlier.
void SetSendBytes(int fd, int bytes = kSendBytes) {
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0) return;
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
}

bool MustWait(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

SysError PortLink::OpenStream(const std::string& path, mode_t mode, std::unique_ptr<PortLink>& link) {
  std::unique_ptr<PortLink> opened(new PortLink(Kind::kStream));
  if (SysError error = BindUnix(SOCK_STREAM, path, mode, opened->listener_); error.failed()) return error;
  if (listen(opened->listener_.get(), 8) != 0) return LastError("listen", path);
  link = std::move(opened);
  return {};
}

SysError PortLink::OpenDgram(const std::string& local, const std::string& remote, mode_t mode,
                             std::unique_ptr<PortLink>& link) {
  std::unique_ptr<PortLink> opened(new PortLink(Kind::kDgram));
  if (SysError error = BindUnix(SOCK_DGRAM, local, mode, opened->fd_); error.failed()) return error;
  SetSendBytes(opened->fd_.get());
  opened->remote_ = remote;
  static_cast<void>(opened->ConnectPeer());
  link = std::move(opened);
  return {};
}

SysError PortLink::OpenPacket(uint32_t ifindex, int receive_bytes, std::unique_ptr<PortLink>& link) {
  std::unique_ptr<PortLink> opened(new PortLink(Kind::kPacket));
  const sock_filter everything{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = UINT32_MAX};
  PacketLinkOptions options;
  options.receive_bytes = receive_bytes;
  if (SysError error = OpenPacketLink(ifindex, {&everything, 1}, options, opened->fd_); error.failed()) return error;
  SetSendBytes(opened->fd_.get());
  link = std::move(opened);
  return {};
}

SysError PortLink::OpenTap(int descriptor, std::unique_ptr<PortLink>& link) {
  ifreq request{};
  if (ioctl(descriptor, TUNGETIFF, &request) != 0) {
    SysError error = LastError("TUNGETIFF", "descriptor " + std::to_string(descriptor));
    error.hint = "it is no TAP's";
    return error;
  }
  if ((request.ifr_flags & IFF_VNET_HDR) != 0) {
    SysError error = ErrorOf(EINVAL, "port", request.ifr_name);
    error.hint = "the TAP must be made without a virtio header";
    return error;
  }
  std::unique_ptr<PortLink> opened(new PortLink(Kind::kTap));
  opened->fd_ = UniqueFd(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  const int flags = opened->fd_.valid() ? fcntl(opened->fd_.get(), F_GETFL) : -1;
  if (flags < 0 || fcntl(opened->fd_.get(), F_SETFL, flags | O_NONBLOCK) != 0) return LastError("fcntl", "TAP");
  link = std::move(opened);
  return {};
}

SysError PortLink::OpenFeed(std::unique_ptr<PortLink>& link, UniqueFd& end) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return LastError("socketpair", "capture");
  }
  std::unique_ptr<PortLink> opened(new PortLink(Kind::kFeed));
  opened->fd_ = UniqueFd(ends[0]);
  opened->connected_ = true;
  end = UniqueFd(ends[1]);
  StopPacketLink(end.get());
  const int on = 1;
  if (setsockopt(end.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return LastError("SO_TIMESTAMPNS", "capture");
  SetSendBytes(opened->fd_.get(), kFeedSendBytes);
  link = std::move(opened);
  return {};
}

bool PortLink::Accept() {
  UniqueFd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!peer.valid() || fd_.valid()) return false;
  SetSendBytes(peer.get());
  fd_ = std::move(peer);
  return true;
}

UniqueFd PortLink::Disconnect() {
  tail_ = {};
  waiting_ = {};
  waiting_at_ = 0;
  wants_writable = false;
  return std::move(fd_);
}

void PortLink::TakeDescriptors(std::vector<UniqueFd>& descriptors) {
  UniqueFd peer = Disconnect();
  if (peer.valid()) descriptors.push_back(std::move(peer));
  if (listener_.valid()) descriptors.push_back(std::move(listener_));
}

// A datagram socket that is connected hears nobody else, so a peer that was replaced has to be noticed: its path leads to
// another socket then.
void PortLink::CheckPeer() {
  if (kind_ != Kind::kDgram) return;
  struct stat now {};
  const bool exists = stat(remote_.c_str(), &now) == 0;
  const bool same = exists && now.st_ino == peer_.st_ino && now.st_dev == peer_.st_dev &&
                    now.st_ctim.tv_sec == peer_.st_ctim.tv_sec && now.st_ctim.tv_nsec == peer_.st_ctim.tv_nsec;
  if (connected_ && !same) LosePeer();
  if (!connected_ && exists) static_cast<void>(ConnectPeer());
}

bool PortLink::ConnectPeer() {
  struct stat before {};
  if (stat(remote_.c_str(), &before) != 0 || ConnectSocket(fd_.get(), remote_).failed()) return false;
  peer_ = before;
  connected_ = true;
  return true;
}

void PortLink::LosePeer() {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  // Fails only where the peer is gone already, which comes to the same.
  static_cast<void>(connect(fd_.get(), &nobody, sizeof nobody));
  connected_ = false;
  waiting_.clear();
  waiting_at_ = 0;
}

LinkEvent PortLink::Receive(uint32_t slot, PortColumns& columns, LinkScratch& scratch) {
  const size_t before = columns.rows;
  LinkEvent event = LinkEvent::kNone;
  if (!fd_.valid()) return event;
  if (kind_ == Kind::kStream) event = ReceiveStream(slot, columns);
  else if (kind_ == Kind::kTap) event = ReceiveTap(slot, columns);
  else if (kind_ == Kind::kFeed) event = ReceiveEnd();
  else event = ReceiveMessages(slot, columns, scratch);
  counts_.received += columns.rows - before;
  return event;
}

// Reads no more than there are rows for, even if all of it were the smallest of frames.
LinkEvent PortLink::ReceiveStream(uint32_t slot, PortColumns& columns) {
  const size_t room = std::min(columns.bytes_left(), columns.rows_left() * (kPrefix + kFrameLeast));
  if (room < kHeadroom + tail_.size() + 1) return LinkEvent::kNone;
  const size_t start = columns.used + kHeadroom - kPrefix;
  const size_t limit = std::min(room - kHeadroom - tail_.size(), kStreamChunk);
  std::copy(tail_.begin(), tail_.end(), columns.slab.begin() + static_cast<ptrdiff_t>(start));
  const ssize_t got = recv(fd_.get(), columns.slab.data() + start + tail_.size(), limit, MSG_DONTWAIT);
  if (got < 0) return MustWait(errno) ? LinkEvent::kNone : LinkEvent::kBroken;
  if (got == 0) return LinkEvent::kEnded;
  const size_t end = start + tail_.size() + static_cast<size_t>(got);
  columns.used = end;
  return SplitStream(slot, columns, start, end);
}

LinkEvent PortLink::SplitStream(uint32_t slot, PortColumns& columns, size_t start, size_t end) {
  size_t at = start;
  while (end - at >= kPrefix) {
    uint32_t prefix = 0;
    std::memcpy(&prefix, columns.slab.data() + at, kPrefix);
    const size_t length = ntohl(prefix);
    // Whatever follows is no frame any more: the two ends do not understand each other.
    if (length > kFrameMost) return LinkEvent::kBadLength;
    if (end - at - kPrefix < length) break;
    if (length < kFrameLeast) counts_.runts++;
    else columns.Add(slot, at + kPrefix, length, 0);
    at += kPrefix + length;
  }
  tail_.assign(columns.slab.begin() + static_cast<ptrdiff_t>(at), columns.slab.begin() + static_cast<ptrdiff_t>(end));
  return LinkEvent::kNone;
}

void PortLink::ExpectMany() { expected_ = LinkScratch::kMessages; }

// Reading took the error away. A connected datagram socket hears so that its peer is gone.
LinkEvent PortLink::ReceiveFailed() {
  if (MustWait(errno)) return LinkEvent::kNone;
  const bool gone = kind_ == Kind::kPacket && errno == ENXIO;
  if (kind_ == Kind::kDgram) LosePeer();
  return gone ? LinkEvent::kGone : LinkEvent::kNone;
}

LinkEvent PortLink::ReceiveMessage(uint32_t slot, PortColumns& columns) {
  const size_t at = columns.used + kHeadroom;
  const size_t room = columns.row_bytes - kHeadroom;
  const ssize_t got = recv(fd_.get(), columns.slab.data() + at, room, MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0) return ReceiveFailed();
  const auto length = static_cast<size_t>(got);
  columns.Add(slot, at, std::min(length, room), length > room ? kTruncated : 0);
  columns.used += columns.row_bytes;
  if (!connected_) static_cast<void>(ConnectPeer());
  return LinkEvent::kNone;
}

LinkEvent PortLink::ReceiveMessages(uint32_t slot, PortColumns& columns, LinkScratch& scratch) {
  const size_t limit = std::min({columns.rows_left(), columns.bytes_left() / columns.row_bytes, expected_});
  if (limit == 0) return LinkEvent::kNone;
  if (limit == 1 && kind_ == Kind::kDgram) return ReceiveMessage(slot, columns);
  for (size_t index = 0; index < limit; index++) {
    scratch.parts[index] = {columns.slab.data() + columns.used + index * columns.row_bytes + kHeadroom,
                            columns.row_bytes - kHeadroom};
    msghdr& header = scratch.messages[index].msg_hdr;
    header = {};
    header.msg_iov = &scratch.parts[index];
    header.msg_iovlen = 1;
    if (kind_ != Kind::kPacket) continue;
    header.msg_control = scratch.controls[index].bytes.data();
    header.msg_controllen = scratch.controls[index].bytes.size();
  }
  const int got = recvmmsg(fd_.get(), scratch.messages.data(), static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
  if (got < 0) return ReceiveFailed();
  expected_ = std::min(static_cast<size_t>(got) * 2, LinkScratch::kMessages);
  if (got == 1) expected_ = 1;
  for (int index = 0; index < got; index++) {
    mmsghdr& message = scratch.messages[index];
    const bool packet = kind_ == Kind::kPacket;
    const PacketNotes notes = packet ? PacketNotesOf(message.msg_hdr) : PacketNotes{};
    const bool truncated = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    if (notes.tagged) continue;
    columns.Add(slot, columns.used + static_cast<size_t>(index) * columns.row_bytes + kHeadroom, message.msg_len,
                static_cast<uint8_t>((notes.checksum_partial ? kChecksumPartial : 0) | (truncated ? kTruncated : 0)));
  }
  columns.used += static_cast<size_t>(got) * columns.row_bytes;
  if (kind_ == Kind::kDgram && !connected_) static_cast<void>(ConnectPeer());
  return LinkEvent::kNone;
}

// A TAP has no call for many frames.
LinkEvent PortLink::ReceiveTap(uint32_t slot, PortColumns& columns) {
  for (size_t count = 0; count < LinkScratch::kMessages; count++) {
    if (columns.rows_left() == 0 || columns.bytes_left() < columns.row_bytes) break;
    const size_t at = columns.used + kHeadroom;
    const ssize_t got = read(fd_.get(), columns.slab.data() + at, columns.row_bytes - kHeadroom);
    if (got < 0) return MustWait(errno) ? LinkEvent::kNone : LinkEvent::kGone;
    const auto length = static_cast<size_t>(got);
    // read(2) of a TAP cuts off what does not fit, and does not say so.
    columns.Add(slot, at, length, length == columns.row_bytes - kHeadroom ? kTruncated : 0);
    columns.used += columns.row_bytes;
  }
  return LinkEvent::kNone;
}

// Who captures says nothing but that he goes.
LinkEvent PortLink::ReceiveEnd() {
  uint8_t byte = 0;
  const ssize_t got = recv(fd_.get(), &byte, sizeof byte, MSG_DONTWAIT);
  return got >= 0 || !MustWait(errno) ? LinkEvent::kEnded : LinkEvent::kNone;
}

}  // namespace tapnet
