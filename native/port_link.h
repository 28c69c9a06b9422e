#pragma once

#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

// Columns of frames received from ports, row by row; `offset` and `length` say where each lies in `slab`.
struct PortColumns {
  std::span<uint8_t> slab;
  // What a receiver of single frames takes of the slab for each: headroom and the longest frame.
  size_t row_bytes = 0;
  std::span<uint32_t> port;
  std::span<uint32_t> offset;
  std::span<uint32_t> length;
  std::span<uint8_t> flags;

  size_t rows = 0;
  size_t used = 0;

  size_t rows_left() const { return port.size() - rows; }
  size_t bytes_left() const { return slab.size() - used; }
  void Add(uint32_t slot, size_t at, size_t bytes, uint8_t row_flags) {
    port[rows] = slot;
    offset[rows] = static_cast<uint32_t>(at);
    length[rows] = static_cast<uint32_t>(bytes);
    flags[rows] = row_flags;
    rows++;
  }
};

// Kept free in front of each frame; the same as HEADROOM_BYTES in src/frame/forward/batch.ts.
constexpr size_t kHeadroom = 16;
// The longest frame that any link carries: QEMU's own limit is not far above.
constexpr size_t kFrameMost = 65535 + 18;
constexpr size_t kFrameLeast = 14;

// Frames to be sent by one port, in their order: a chain of rows through `next`, ended by kNoRow.
constexpr uint32_t kNoRow = UINT32_MAX;
struct FrameChain {
  std::span<const uint8_t> slab;
  std::span<const uint32_t> offset;
  std::span<const uint32_t> length;
  std::span<const uint32_t> next;
  uint32_t first = kNoRow;
};

// What happened to a link besides frames; the same numbers as in src/os/port-socket.ts.
enum class LinkEvent : uint8_t { kNone = 0, kConnected = 1, kEnded = 2, kBroken = 3, kBadLength = 4, kGone = 5 };

struct LinkCounts {
  uint64_t received = 0;
  uint64_t sent = 0;
  // Refused or given up: queue full, nobody there.
  uint64_t lost = 0;
  // Received and not handed on: shorter than an Ethernet header.
  uint64_t runts = 0;
};

// Memory and calls that all links of a set share.
struct LinkScratch;

// One port's link. Sending never waits: what the kernel does not take at once waits in a queue of the link's own, bounded in
// bytes, and what finds that full is lost. So a peer that never reads costs a fixed amount of memory and its own frames only.
class PortLink {
 public:
  enum class Kind : uint8_t { kStream, kDgram, kPacket, kTap, kFeed };

  // QEMU's `-netdev stream`: we listen, one peer at a time; each frame follows its length in four bytes, big-endian.
  static SysError OpenStream(const std::string& path, mode_t mode, std::unique_ptr<PortLink>& link);
  // QEMU's `-netdev dgram`: a frame a datagram, between a path of ours and one of the peer's, who may come and go.
  static SysError OpenDgram(const std::string& local, const std::string& remote, mode_t mode,
                            std::unique_ptr<PortLink>& link);
  // All frames of an interface. caps: NET_RAW
  static SysError OpenPacket(uint32_t ifindex, int receive_bytes, std::unique_ptr<PortLink>& link);
  // A TAP whose descriptor is ours; it is duplicated.
  static SysError OpenTap(int descriptor, std::unique_ptr<PortLink>& link);
  // A feed of a capture (capture_feed.h): what is sent are its messages. `end` is for who captures, and hands out nothing before
  // it has a filter.
  static SysError OpenFeed(std::unique_ptr<PortLink>& link, UniqueFd& end);

  Kind kind() const { return kind_; }
  // -1 where a stream has no peer.
  int fd() const { return fd_.get(); }
  int listener() const { return listener_.get(); }
  const LinkCounts& counts() const { return counts_; }
  bool waiting() const { return waiting_at_ < waiting_.size(); }
  size_t waiting_bytes() const { return waiting_.size() - waiting_at_; }

  // Fills rows with what is there now, within the columns' room and a fair share.
  LinkEvent Receive(uint32_t slot, PortColumns& columns, LinkScratch& scratch);
  // The next receive finds a burst.
  void ExpectMany();
  // Sends or queues every frame of the chain; returns how many were taken.
  size_t Send(const FrameChain& chain, LinkScratch& scratch);
  // Goes on with what waits.
  void Flush(LinkScratch& scratch);

  // Takes a peer that waits; false when there is none, or when there is one already (then it is turned away).
  bool Accept();
  // Lets go of the peer and of all that waits for it.
  UniqueFd Disconnect();
  // Finds a datagram peer that has come, or has been replaced.
  void CheckPeer();
  // All descriptors, for whoever closes them.
  void TakeDescriptors(std::vector<UniqueFd>& descriptors);

  uint64_t turn = 0;
  bool wants_writable = false;
  // Rows to be sent, while a batch is being sorted.
  uint32_t chain_first = kNoRow;
  uint32_t chain_last = kNoRow;

 private:
  explicit PortLink(Kind kind) : kind_(kind) {}
  LinkEvent ReceiveStream(uint32_t slot, PortColumns& columns);
  LinkEvent SplitStream(uint32_t slot, PortColumns& columns, size_t start, size_t end);
  LinkEvent ReceiveMessages(uint32_t slot, PortColumns& columns, LinkScratch& scratch);
  LinkEvent ReceiveMessage(uint32_t slot, PortColumns& columns);
  LinkEvent ReceiveFailed();
  LinkEvent ReceiveTap(uint32_t slot, PortColumns& columns);
  LinkEvent ReceiveEnd();
  uint32_t SendStream(const FrameChain& chain, uint32_t row, LinkScratch& scratch);
  uint32_t SendMessages(const FrameChain& chain, uint32_t row, LinkScratch& scratch);
  int SendSome(mmsghdr* messages, size_t count);
  uint32_t SendTap(const FrameChain& chain, uint32_t row);
  // Whether frames that find its queue full wait here; of others the queue is an interface's.
  bool queues() const { return kind_ == Kind::kDgram || kind_ == Kind::kFeed; }
  bool Queue(std::span<const uint8_t> frame, size_t done);
  void FlushStream();
  void FlushMessages(LinkScratch& scratch);
  bool ConnectPeer();
  void LosePeer();

  Kind kind_;
  UniqueFd fd_;
  UniqueFd listener_;
  std::string remote_;
  bool connected_ = false;
  struct stat peer_ {};
  // Messages that the next call is made for: one alone is received by a cheaper call, and described at once.
  size_t expected_ = 1;
  // Stream: the beginning of a frame that has not come whole.
  std::vector<uint8_t> tail_;
  // Frames that wait, each behind its length in four bytes, big-endian: for a stream just as they go out.
  std::vector<uint8_t> waiting_;
  size_t waiting_at_ = 0;
  LinkCounts counts_;
};

}  // namespace tapnet
