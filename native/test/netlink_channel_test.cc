#include "netlink_channel.h"

#include <linux/rtnetlink.h>

#include <cstring>

#include "check.h"

namespace tapnet::test {

namespace {

struct LinkRequest {
  nlmsghdr header;
  ifinfomsg body;
};

// RTM_GETLINK by index; index 0 is for a dump.
std::vector<uint8_t> GetLinks(const std::vector<int>& indexes) {
  std::vector<uint8_t> bytes;
  for (const int index : indexes) {
    LinkRequest request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.body.ifi_index = index;
    const auto* start = reinterpret_cast<const uint8_t*>(&request);
    bytes.insert(bytes.end(), start, start + sizeof request);
  }
  return bytes;
}

const Register dump("a dump holds the loopback", [] {
  NetlinkChannel channel;
  CHECK(!channel.Open(NETLINK_ROUTE).failed());
  CHECK(channel.port() != 0);
  std::vector<uint8_t> request = GetLinks({0});
  std::vector<uint8_t> answers;
  CHECK(!channel.Dump(request, answers).failed());
  CHECK(!answers.empty());
  const std::string text(answers.begin(), answers.end());
  CHECK(text.find(std::string("lo\0", 3)) != std::string::npos);
  return std::string();
});

const Register batch("each message of a long batch has its own result", [] {
  NetlinkChannel channel;
  CHECK(!channel.Open(NETLINK_ROUTE).failed());
  std::vector<int> indexes;
  for (int row = 0; row < 1000; row++) indexes.push_back(row % 3 == 0 ? 0x7ffffff0 : 1);
  std::vector<uint8_t> request = GetLinks(indexes);
  std::vector<NetlinkResult> results;
  std::vector<uint8_t> answers;
  channel.Transact(request, indexes.size(), results, answers);
  CHECK(results.size() == 1000);
  for (size_t row = 0; row < results.size(); row++) CHECK(results[row].error == (row % 3 == 0 ? ENODEV : 0));
  CHECK(!answers.empty());
  return std::string();
});

const Register unknown("the kernel's words come with a refused dump", [] {
  NetlinkChannel channel;
  CHECK(!channel.Open(NETLINK_ROUTE).failed());
  std::vector<uint8_t> request = GetLinks({1});
  std::vector<uint8_t> answers;
  const SysError error = channel.Dump(request, answers);
  CHECK(error.number == EINVAL || error.number == 0);  // kernels before 4.20 do not check strictly
  // The socket is as good as new.
  request = GetLinks({0});
  CHECK(!channel.Dump(request, answers).failed());
  return std::string();
});

const Register closed("a closed channel answers with the error of the send", [] {
  NetlinkChannel channel;
  CHECK(!channel.Open(NETLINK_ROUTE).failed());
  channel.Close();
  std::vector<uint8_t> request = GetLinks({1});
  std::vector<NetlinkResult> results;
  std::vector<uint8_t> answers;
  channel.Transact(request, 1, results, answers);
  CHECK(results.size() == 1 && results[0].error == EBADF);
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
