#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "frame_wait.h"
#include "port_link.h"

namespace tapnet {

// Theory of operation
//
// The links of many ports in one epoll, of which the event loop watches only the epoll itself. A wake-up fills one slab: each
// ready link is served once, with at most a fair share; what is left keeps the epoll readable, so the loop comes back after
// it has served others. Frames leave with one call a batch: they are sorted by port (a chain of rows for each), and each
// port's frames go out together, in their order. A link that has frames waiting for its peer is watched for room as well.
//
// A stream's listener stays open while it has a peer, so that one more is turned away at once instead of waiting in vain, and
// the next is taken as soon as the first has gone. What happens to links is kept as events for whoever asks.
class PortSet {
 public:
  struct Event {
    uint32_t slot;
    LinkEvent what;
  };

  PortSet();
  ~PortSet();
  SysError Open();
  // Hands over all descriptors: close(2) of a packet socket or a TAP takes the kernel long.
  std::vector<UniqueFd> Close();
  bool open() const { return epoll_.valid(); }
  int fd() const { return epoll_.get(); }

  bool Has(uint32_t slot) const { return slot < links_.size() && links_[slot] != nullptr; }
  // The slot must be free.
  SysError Add(uint32_t slot, std::unique_ptr<PortLink> link);
  // Nothing where the slot is free already.
  std::vector<UniqueFd> Remove(uint32_t slot);
  LinkCounts Counts(uint32_t slot) const { return Has(slot) ? links_[slot]->counts() : LinkCounts{}; }
  size_t WaitingBytes(uint32_t slot) const { return Has(slot) ? links_[slot]->waiting_bytes() : 0; }

  // Fills the columns and returns the number of rows; waits so long until something has happened.
  size_t Receive(PortColumns& columns, int wait_ms = 0);
  // While a thread waits in `Receive` instead of its event loop, that loop's descriptor is waited for as well.
  SysError WatchLoop(int fd);
  void UnwatchLoop(int fd);
  // Whether the loop had something to do at the last `Receive`.
  bool loop_ready() const { return loop_ready_; }
  // Sends the first `count` rows and returns how many were taken; a row that does not lie in the slab or whose port is not here
  // is left out.
  size_t Send(std::span<const uint8_t> slab, std::span<const uint32_t> port, std::span<const uint32_t> offset,
              std::span<const uint32_t> length, size_t count);
  // What has happened to links since the last call.
  std::vector<Event> TakeEvents();
  size_t events() const { return events_.size(); }
  // To be called now and then while there are datagram ports.
  void CheckPeers();

 private:
  void Serve(uint32_t slot, bool listener, uint32_t happened, PortColumns& columns);
  void Accept(uint32_t slot);
  void Break(uint32_t slot, LinkEvent what);
  SysError Watch(int fd, uint32_t slot, bool listener);
  void WatchWritable(uint32_t slot);

  UniqueFd epoll_;
  FrameWait wait_;
  std::vector<std::unique_ptr<PortLink>> links_;
  std::vector<Event> events_;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> touched_;
  std::unique_ptr<LinkScratch> scratch_;
  uint64_t turn_ = 0;
  bool loop_ready_ = false;
  size_t rows_before_ = 0;
};

}  // namespace tapnet
