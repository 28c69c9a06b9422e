#include "packet_link.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace tapnet {

namespace {

// TCI without priority and drop eligibility: a frame tagged with VLAN 0 only carries a priority (IEEE 802.1Q §6.9.1).
constexpr uint16_t kVlanIdMask = 0x0fff;

std::string NameOf(uint32_t ifindex) { return "interface " + std::to_string(ifindex); }

SysError SetOption(int fd, int level, int option, const void* value, socklen_t length, const char* name,
                   const std::string& object) {
  return setsockopt(fd, level, option, value, length) == 0 ? SysError{} : LastError(name, object);
}

SysError JoinAllMulticast(int fd, uint32_t ifindex, const std::string& object) {
  packet_mreq membership{};
  membership.mr_ifindex = static_cast<int>(ifindex);
  membership.mr_type = PACKET_MR_ALLMULTI;
  return SetOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership, "PACKET_ADD_MEMBERSHIP",
                   object);
}

}  // namespace

SysError OpenPacketLink(uint32_t ifindex, std::span<const sock_filter> filter, const PacketLinkOptions& options,
                        UniqueFd& fd) {
  const std::string object = NameOf(ifindex);
  // Protocol 0: nothing is received until bind(2) names one.
  UniqueFd socket_fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_fd.valid()) {
    SysError error = LastError("socket(AF_PACKET)", object);
    if (error.number == EPERM) error.hint = "needs CAP_NET_RAW in this network namespace";
    return error;
  }
  const int on = 1;
  SysError error = SetPacketFilter(socket_fd.get(), ifindex, filter, options.program);
  if (!error.failed()) {
    // Our own replies, and what the host sends to the guest, are not for us. Linux 4.20.
    error = SetOption(socket_fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on, "PACKET_IGNORE_OUTGOING",
                      object);
  }
  if (!error.failed()) {
    error = SetOption(socket_fd.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on, "PACKET_AUXDATA", object);
  }
  if (!error.failed()) {
    error = SetOption(socket_fd.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_bytes, sizeof options.receive_bytes,
                      "SO_RCVBUF", object);
  }
  if (!error.failed() && options.all_multicast) error = JoinAllMulticast(socket_fd.get(), ifindex, object);
  if (error.failed()) return error;

  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return LastError("bind(AF_PACKET)", object);
  }
  fd = std::move(socket_fd);
  return {};
}

SysError SetPacketFilter(int fd, uint32_t ifindex, std::span<const sock_filter> filter, int program) {
  if (program >= 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) == 0) return {};
  const sock_fprog classic{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  return SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, &classic, sizeof classic, "SO_ATTACH_FILTER", NameOf(ifindex));
}

// packet_notifier() forgets the index when the interface is unregistered, and keeps it while the link is down.
bool PacketLinkVanished(int fd, uint32_t ifindex) {
  sockaddr_ll address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return true;
  return address.sll_ifindex != static_cast<int>(ifindex);
}

void StopPacketLink(int fd) {
  sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &nothing};
  // The worst that a failure does is that frames wait in vain.
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

PacketNotes PacketNotesOf(msghdr& header) {
  tpacket_auxdata auxdata{};
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level == SOL_PACKET && control->cmsg_type == PACKET_AUXDATA &&
        control->cmsg_len >= CMSG_LEN(sizeof auxdata)) {
      std::memcpy(&auxdata, CMSG_DATA(control), sizeof auxdata);
    }
  }
  const bool valid = (auxdata.tp_status & TP_STATUS_VLAN_VALID) != 0;
  return {.checksum_partial = (auxdata.tp_status & TP_STATUS_CSUMNOTREADY) != 0,
          .tagged = valid && (auxdata.tp_vlan_tci & kVlanIdMask) != 0};
}

uint32_t TakePacketDrops(int fd) {
  tpacket_stats statistics{};
  socklen_t length = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) != 0) return 0;
  return statistics.tp_drops;
}

}  // namespace tapnet
