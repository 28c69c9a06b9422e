#include "unix_channel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "check.h"

namespace tapnet::test {

namespace {

std::string PathOf(const char* name) { return "@tapnet-test-" + std::to_string(getpid()) + "-" + name; }

std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct Pair {
  UniqueFd listener, client, server;

  explicit Pair(const char* name) {
    const std::string path = PathOf(name);
    CHECK(!ListenUnix(path, 0600, 4, listener).failed());
    CHECK(!ConnectUnix(path, client).failed());
    CHECK(!AcceptUnix(listener.get(), server).failed());
    CHECK(server.valid());
  }
};

const Register exchange("a message arrives whole, with its descriptor", [] {
  Pair pair("exchange");
  CHECK(!SendUnix(pair.client.get(), BytesOf("hello"), STDIN_FILENO).failed());
  std::array<uint8_t, 16> bytes{};
  std::vector<UniqueFd> descriptors;
  size_t length = 0;
  UnixReceived what{};
  CHECK(!ReceiveUnix(pair.server.get(), bytes, length, 1, descriptors, what).failed());
  CHECK(what == UnixReceived::kMessage && length == 5);
  CHECK(descriptors.size() == 1 && (fcntl(descriptors[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(!ReceiveUnix(pair.server.get(), bytes, length, 1, descriptors, what).failed());
  CHECK(what == UnixReceived::kNothing);
  pair.client.Reset();
  CHECK(!ReceiveUnix(pair.server.get(), bytes, length, 1, descriptors, what).failed());
  CHECK(what == UnixReceived::kEnd);
  return std::string();
});

const Register uninvited("descriptors that nobody asked for do not come in", [] {
  Pair pair("uninvited");
  CHECK(!SendUnix(pair.client.get(), BytesOf("x"), STDIN_FILENO).failed());
  const int before = dup(STDIN_FILENO);
  close(before);
  std::array<uint8_t, 16> bytes{};
  std::vector<UniqueFd> descriptors;
  size_t length = 0;
  UnixReceived what{};
  CHECK(!ReceiveUnix(pair.server.get(), bytes, length, 0, descriptors, what).failed());
  CHECK(descriptors.empty());
  const int after = dup(STDIN_FILENO);
  close(after);
  CHECK(before == after);
  return std::string();
});

const Register too_long("a message that does not fit tells its real length", [] {
  Pair pair("too-long");
  const std::string text(100, 'x');
  CHECK(!SendUnix(pair.client.get(), BytesOf(text), -1).failed());
  std::array<uint8_t, 16> bytes{};
  std::vector<UniqueFd> descriptors;
  size_t length = 0;
  UnixReceived what{};
  CHECK(!ReceiveUnix(pair.server.get(), bytes, length, 0, descriptors, what).failed());
  CHECK(what == UnixReceived::kMessage && length == 100);
  return std::string();
});

const Register peer("the peer is this process", [] {
  Pair pair("peer");
  PeerCredentials credentials;
  CHECK(!PeerOf(pair.server.get(), credentials).failed());
  CHECK(credentials.pid == getpid() && credentials.uid == geteuid() && credentials.gid == getegid());
  CHECK(credentials.groups.size() == static_cast<size_t>(getgroups(0, nullptr)));
  int pipe_ends[2];
  CHECK(pipe2(pipe_ends, O_CLOEXEC) == 0);
  const UniqueFd read_end(pipe_ends[0]);
  const UniqueFd write_end(pipe_ends[1]);
  CHECK(PeerOf(read_end.get(), credentials).number == ENOTSOCK);
  return std::string();
});

const Register errors("what cannot be reached is an error with its path", [] {
  UniqueFd fd;
  const SysError absent = ConnectUnix(PathOf("absent"), fd);
  CHECK(absent.number == ECONNREFUSED && absent.object == PathOf("absent"));
  CHECK(ConnectUnix(std::string(200, 'x'), fd).number == ENAMETOOLONG);
  CHECK(ConnectUnix("", fd).number == ENAMETOOLONG);
  CHECK(!fd.valid());
  Pair pair("taken");
  CHECK(ListenUnix(PathOf("taken"), 0600, 4, fd).number == EADDRINUSE);
  CHECK(SendUnixDatagram(PathOf("taken"), BytesOf("x")).failed());
  return std::string();
});

}  // namespace

}  // namespace tapnet::test
