#pragma once

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>

#include "fd.h"
#include "sys_error.h"

namespace tapnet {

struct PacketLinkOptions {
  // Memory for frames that wait to be received; the kernel keeps twice as much for its own overhead.
  int receive_bytes = 0;
  // Whether a physical interface shall let all multicast frames in (DHCPv6, neighbour discovery). A TAP always does.
  bool all_multicast = false;
  // The filter's program, loaded (FilterPrograms); -1: the kernel shall take the filter itself.
  int program = -1;
};

// Opens a packet socket on one interface. It sees nothing before it is bound, and the filter is there by then, so no frame
// that the filter refuses ever comes in. caps: NET_RAW
SysError OpenPacketLink(uint32_t ifindex, std::span<const sock_filter> filter, const PacketLinkOptions& options,
                        UniqueFd& fd);

// Replaces the filter in one step; by its loaded program where there is one.
SysError SetPacketFilter(int fd, uint32_t ifindex, std::span<const sock_filter> filter, int program = -1);

// Whether the interface that the socket was bound to is gone for good; a link that is only down comes back by itself.
bool PacketLinkVanished(int fd, uint32_t ifindex);

// Keeps further frames out of the queue until the socket is closed.
void StopPacketLink(int fd);

// What the kernel says about a frame besides its bytes.
struct PacketNotes {
  // The sender left the transport checksum to us.
  bool checksum_partial = false;
  // Tagged for a VLAN: the kernel takes the tag out of the frame, so that it looks like one of ours.
  bool tagged = false;
};
// Room for the notes in a message's control buffer.
constexpr size_t kPacketNotesBytes = CMSG_SPACE(sizeof(tpacket_auxdata));
PacketNotes PacketNotesOf(msghdr& header);

// Frames that found no room since the last call.
uint32_t TakePacketDrops(int fd);

}  // namespace tapnet
