// The sending half of PortLink.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "link_scratch.h"
#include "port_link.h"

namespace tapnet {

namespace {

constexpr size_t kPrefix = 4;
// Frames that wait for one peer. The kernel's own queue comes on top.
constexpr size_t kWaitingMost = 512 * 1024;

std::span<const uint8_t> FrameOf(const FrameChain& chain, uint32_t row) {
  return chain.slab.subspan(chain.offset[row], chain.length[row]);
}

// Whether the four bytes in front of a frame are its length already: so they are where it came in by a stream.
bool HasPrefix(const FrameChain& chain, uint32_t row, uint32_t prefix) {
  const size_t offset = chain.offset[row];
  return offset >= kPrefix && std::memcmp(chain.slab.data() + offset - kPrefix, &prefix, kPrefix) == 0;
}

}  // namespace

size_t PortLink::Send(const FrameChain& chain, LinkScratch& scratch) {
  const uint64_t lost_before = counts_.lost;
  size_t frames = 0;
  for (uint32_t row = chain.first; row != kNoRow; row = chain.next[row]) frames++;
  // A datagram peer that has come in the meantime is found here; looking for it costs 2 µs a batch.
  const bool reachable = fd_.valid() && (kind_ != Kind::kDgram || connected_ || ConnectPeer());
  if (!reachable) {
    counts_.lost += frames;
    return 0;
  }
  uint32_t row = chain.first;
  while (row != kNoRow && !waiting()) {
    if (kind_ == Kind::kStream) row = SendStream(chain, row, scratch);
    else if (kind_ == Kind::kTap) row = SendTap(chain, row);
    else row = SendMessages(chain, row, scratch);
  }
  for (; row != kNoRow; row = chain.next[row]) {
    if (!Queue(FrameOf(chain, row), 0)) counts_.lost++;
  }
  const auto lost = static_cast<size_t>(counts_.lost - lost_before);
  counts_.sent += frames - lost;
  return frames - lost;
}

// Keeps a frame until the peer takes it. Of one that has begun to leave, `done` bytes with its length are gone already: the
// rest is always kept, or the peer would take the next frame for its end.
bool PortLink::Queue(std::span<const uint8_t> frame, size_t done) {
  if (done == 0 && waiting_bytes() + kPrefix + frame.size() > kWaitingMost) return false;
  if (waiting_at_ > 0 && waiting_at_ * 2 >= waiting_.size()) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(waiting_at_));
    waiting_at_ = 0;
  }
  const uint32_t prefix = htonl(static_cast<uint32_t>(frame.size()));
  const auto* bytes = reinterpret_cast<const uint8_t*>(&prefix);
  if (done < kPrefix) waiting_.insert(waiting_.end(), bytes + done, bytes + kPrefix);
  const size_t begun = done < kPrefix ? 0 : done - kPrefix;
  waiting_.insert(waiting_.end(), frame.begin() + static_cast<ptrdiff_t>(begun), frame.end());
  return true;
}

// One call for as many frames as it takes; returns the first row that is not dealt with. Frames that came in by a stream
// and lie one behind the other leave as one piece.
uint32_t PortLink::SendStream(const FrameChain& chain, uint32_t first, LinkScratch& scratch) {
  size_t parts = 0;
  size_t prefixes = 0;
  size_t total = 0;
  uint32_t end = first;
  for (; end != kNoRow && parts + 2 <= LinkScratch::kParts; end = chain.next[end]) {
    const std::span<const uint8_t> frame = FrameOf(chain, end);
    const uint32_t prefix = htonl(static_cast<uint32_t>(frame.size()));
    auto* bytes = const_cast<uint8_t*>(frame.data());
    total += kPrefix + frame.size();
    if (!HasPrefix(chain, end, prefix)) {
      scratch.prefixes[prefixes] = prefix;
      scratch.parts[parts++] = {&scratch.prefixes[prefixes++], kPrefix};
      scratch.parts[parts++] = {bytes, frame.size()};
      continue;
    }
    iovec* last = parts == 0 ? nullptr : &scratch.parts[parts - 1];
    if (last != nullptr && static_cast<uint8_t*>(last->iov_base) + last->iov_len == bytes - kPrefix) {
      last->iov_len += kPrefix + frame.size();
    } else {
      scratch.parts[parts++] = {bytes - kPrefix, kPrefix + frame.size()};
    }
  }
  msghdr header{};
  header.msg_iov = scratch.parts.data();
  header.msg_iovlen = parts;
  ssize_t sent = -1;
  do {
    sent = parts == 1 ? send(fd_.get(), scratch.parts[0].iov_base, total, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0 && static_cast<size_t>(sent) == total) return end;
  const bool broken = sent < 0 && errno != EAGAIN;
  size_t done = sent < 0 ? 0 : static_cast<size_t>(sent);
  for (uint32_t row = first; row != end; row = chain.next[row]) {
    const std::span<const uint8_t> frame = FrameOf(chain, row);
    const size_t taken = std::min(done, kPrefix + frame.size());
    done -= taken;
    if (taken == kPrefix + frame.size()) continue;
    // A peer that is gone: reading tells the same, and lets go of the connection.
    if (broken || !Queue(frame, taken)) counts_.lost++;
  }
  return end;
}

// As sendmmsg(2), and for one message by the cheaper call.
int PortLink::SendSome(mmsghdr* messages, size_t count) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count > 1) return sendmmsg(fd_.get(), messages, static_cast<unsigned>(count), kFlags);
  const iovec& part = *messages->msg_hdr.msg_iov;
  return send(fd_.get(), part.iov_base, part.iov_len, kFlags) < 0 ? -1 : 1;
}

uint32_t PortLink::SendMessages(const FrameChain& chain, uint32_t first, LinkScratch& scratch) {
  size_t count = 0;
  uint32_t end = first;
  for (; end != kNoRow && count < LinkScratch::kMessages; end = chain.next[end]) {
    const std::span<const uint8_t> frame = FrameOf(chain, end);
    scratch.parts[count] = {const_cast<uint8_t*>(frame.data()), frame.size()};
    msghdr& header = scratch.messages[count++].msg_hdr;
    header = {};
    header.msg_iov = &scratch.parts[count - 1];
    header.msg_iovlen = 1;
  }
  size_t done = 0;
  uint32_t row = first;
  while (done < count) {
    const int taken = SendSome(&scratch.messages[done], count - done);
    if (taken > 0) {
      done += static_cast<size_t>(taken);
      for (int index = 0; index < taken; index++) row = chain.next[row];
      if (done == count || !queues()) continue;
    } else if (errno == EINTR) {
      continue;
    }
    // A call that stopped half-way was stopped by the next frame: most often because the peer's queue is full, and otherwise
    // the flush that follows finds it out.
    const bool full = taken > 0 || errno == EAGAIN;
    const bool gone = !full && kind_ == Kind::kDgram && (errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET ||
                                                errno == EDESTADDRREQ || errno == EPERM);
    if (gone) LosePeer();
    // A packet socket's queue is the interface's: what does not fit there is lost, as on any wire.
    if (full && queues()) {
      for (; row != end; row = chain.next[row]) {
        if (!Queue(FrameOf(chain, row), 0)) counts_.lost++;
      }
      return end;
    }
    // This one is refused (too long, the link down); those behind it may do.
    counts_.lost++;
    done++;
    row = chain.next[row];
    if (!gone) continue;
    counts_.lost += count - done;
    return end;
  }
  return end;
}

uint32_t PortLink::SendTap(const FrameChain& chain, uint32_t row) {
  for (; row != kNoRow; row = chain.next[row]) {
    const std::span<const uint8_t> frame = FrameOf(chain, row);
    if (write(fd_.get(), frame.data(), frame.size()) < 0) counts_.lost++;
  }
  return kNoRow;
}

void PortLink::Flush(LinkScratch& scratch) {
  if (!waiting() || !fd_.valid()) return;
  if (kind_ == Kind::kStream) FlushStream();
  else FlushMessages(scratch);
  if (waiting()) return;
  // What a peer that was slow for a moment needed is not kept for ever.
  waiting_ = {};
  waiting_at_ = 0;
}

void PortLink::FlushStream() {
  while (waiting()) {
    const ssize_t sent =
        send(fd_.get(), waiting_.data() + waiting_at_, waiting_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      if (errno != EAGAIN) waiting_at_ = waiting_.size();
      return;
    }
    waiting_at_ += static_cast<size_t>(sent);
  }
}

void PortLink::FlushMessages(LinkScratch& scratch) {
  while (waiting()) {
    size_t count = 0;
    for (size_t at = waiting_at_; at < waiting_.size() && count < LinkScratch::kMessages;) {
      uint32_t prefix = 0;
      std::memcpy(&prefix, waiting_.data() + at, kPrefix);
      scratch.parts[count] = {waiting_.data() + at + kPrefix, ntohl(prefix)};
      msghdr& header = scratch.messages[count].msg_hdr;
      header = {};
      header.msg_iov = &scratch.parts[count++];
      header.msg_iovlen = 1;
      at += kPrefix + ntohl(prefix);
    }
    const int taken = SendSome(scratch.messages.data(), count);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && errno == EAGAIN) return;
    if (taken < 0) {
      LosePeer();
      return;
    }
    for (int index = 0; index < taken; index++) waiting_at_ += kPrefix + scratch.parts[index].iov_len;
  }
}

}  // namespace tapnet
