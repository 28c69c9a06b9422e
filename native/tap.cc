#include "tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cstring>
#include <vector>

#include "arguments.h"

namespace tapnet {

namespace {

constexpr const char* kDevice = "/dev/net/tun";
// Tells our objects from others that JavaScript may hand in.
constexpr napi_type_tag kTypeTag = {0x7461706e65740001, 0x8f1c5a3de2b94706};

struct Request {
  std::string name;
  bool must_be_new = false;
  short flags = 0;
  // The index that the link shall have; 0 lets the kernel choose.
  uint32_t index = 0;
};

SysError DescribeOpen(SysError error) {
  switch (error.number) {
    case ENOENT:
    case ENODEV:
    case ENXIO: error.hint = "the kernel offers no TAP devices here: `modprobe tun`, or give the container /dev/net/tun"; break;
    case EACCES:
    case EPERM: error.hint = "not allowed: run as root, or give this user read and write access to it"; break;
    default: break;
  }
  return error;
}

SysError DescribeAttach(SysError error, const Request& request) {
  switch (error.number) {
    case EBUSY:
      error.hint = request.must_be_new ? "an interface of this name exists already"
                                       : "another process has this TAP open, and it has only one queue";
      break;
    case EPERM: error.hint = "needs CAP_NET_ADMIN here, or a persistent TAP that belongs to this user"; break;
    case EINVAL: error.hint = "not a name for a TAP, no TAP, or one whose queues or header were chosen differently"; break;
    case E2BIG: error.hint = "this TAP has no queue left"; break;
    default: break;
  }
  return error;
}

// caps: NET_ADMIN to make a TAP; none to open a persistent one that belongs to the user.
SysError Attach(const Request& request, UniqueFd& fd, std::string& name, uint32_t& ifindex) {
  fd = UniqueFd(open(kDevice, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return DescribeOpen(LastError("open", kDevice));
  if (request.index != 0 && ioctl(fd.get(), TUNSETIFINDEX, &request.index) != 0) {
    return LastError("TUNSETIFINDEX", request.name);
  }
  ifreq ifr{};
  // The name was checked to be shorter than the field.
  request.name.copy(ifr.ifr_name, IFNAMSIZ - 1);
  ifr.ifr_flags = request.flags;
  if (ioctl(fd.get(), TUNSETIFF, &ifr) != 0) return DescribeAttach(LastError("TUNSETIFF", request.name), request);
  name.assign(ifr.ifr_name, strnlen(ifr.ifr_name, IFNAMSIZ));
  ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) return LastError("if_nametoindex", name);
  return {};
}

}  // namespace

Napi::Function Tap::Define(Napi::Env env) {
  return DefineClass(env, "Tap",
                     {
                         InstanceMethod<&Tap::Fd>("fd"),
                         InstanceMethod<&Tap::Name>("name"),
                         InstanceMethod<&Tap::Ifindex>("ifindex"),
                         InstanceMethod<&Tap::SetPersist>("setPersist"),
                         InstanceMethod<&Tap::SetOffloads>("setOffloads"),
                         InstanceMethod<&Tap::SetOwner>("setOwner"),
                         InstanceMethod<&Tap::SetGroup>("setGroup"),
                         InstanceMethod<&Tap::Close>("close"),
                     });
}

// new Tap(name, mustBeNew, vnetHeader, multiQueue, index); an empty name or 0 lets the kernel choose.
Tap::Tap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Tap>(info) {
  Arguments arguments(info, "Tap");
  Request request;
  request.name = arguments.String(0, "name", IFNAMSIZ - 1);
  request.must_be_new = arguments.Boolean(1, "mustBeNew");
  const bool vnet_header = arguments.Boolean(2, "vnetHeader");
  const bool multi_queue = arguments.Boolean(3, "multiQueue");
  request.index = arguments.Uint32(4, "index");
  if (!arguments.ok()) return;
  const int flags = IFF_TAP | IFF_NO_PI | (request.must_be_new ? IFF_TUN_EXCL : 0) |
                    (vnet_header ? IFF_VNET_HDR : 0) | (multi_queue ? IFF_MULTI_QUEUE : 0);
  request.flags = static_cast<short>(flags);
  info.This().As<Napi::Object>().TypeTag(&kTypeTag);
  if (const SysError error = Attach(request, fd_, name_, ifindex_); error.failed()) {
    fd_.Reset();
    Throw(info.Env(), error);
  }
}

Napi::Value Tap::Fd(const Napi::CallbackInfo& info) {
  if (!fd_.valid()) return ThrowClosed(info.Env(), "the TAP");
  return Napi::Number::New(info.Env(), fd_.get());
}

Napi::Value Tap::Name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), name_); }

Napi::Value Tap::Ifindex(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), ifindex_); }

Napi::Value Tap::Control(const Napi::CallbackInfo& info, unsigned long request, const char* syscall,
                         unsigned long value) {
  Napi::Env env = info.Env();
  if (!fd_.valid()) return ThrowClosed(env, "the TAP");
  if (ioctl(fd_.get(), request, value) != 0) return Throw(env, LastError(syscall, name_));
  return env.Undefined();
}

Napi::Value Tap::SetPersist(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tap.setPersist");
  const bool persist = arguments.Boolean(0, "persist");
  if (!arguments.ok()) return info.Env().Undefined();
  return Control(info, TUNSETPERSIST, "TUNSETPERSIST", persist ? 1 : 0);
}

Napi::Value Tap::SetOffloads(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tap.setOffloads");
  const uint32_t offloads = arguments.Uint32(0, "offloads");
  if (!arguments.ok()) return info.Env().Undefined();
  return Control(info, TUNSETOFFLOAD, "TUNSETOFFLOAD", offloads);
}

Napi::Value Tap::SetOwner(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tap.setOwner");
  const uint32_t uid = arguments.Uint32(0, "uid");
  if (!arguments.ok()) return info.Env().Undefined();
  return Control(info, TUNSETOWNER, "TUNSETOWNER", uid);
}

Napi::Value Tap::SetGroup(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "Tap.setGroup");
  const uint32_t gid = arguments.Uint32(0, "gid");
  if (!arguments.ok()) return info.Env().Undefined();
  return Control(info, TUNSETGROUP, "TUNSETGROUP", gid);
}

Napi::Value Tap::Close(const Napi::CallbackInfo& info) {
  fd_.Reset();
  return info.Env().Undefined();
}

Napi::Value Tap::CloseLater(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsArray()) return ThrowState(env, "INVALID_ARGUMENT", "closeTapsLater: taps must be an array");
  const Napi::Array taps = info[0].As<Napi::Array>();
  // Only after all are known to be ours is any descriptor taken.
  std::vector<Tap*> members;
  for (uint32_t row = 0; row < taps.Length(); row++) {
    const Napi::Value member = taps.Get(row);
    if (member.IsEmpty() || !member.IsObject() || !member.As<Napi::Object>().CheckTypeTag(&kTypeTag)) {
      return ThrowState(env, "INVALID_ARGUMENT", "closeTapsLater: taps must hold TAPs only");
    }
    members.push_back(Unwrap(member.As<Napi::Object>()));
  }
  std::vector<UniqueFd> descriptors;
  for (Tap* tap : members) descriptors.push_back(std::move(tap->fd_));
  return Environment::Of(env)->closer().Add(env, std::move(descriptors));
}

Napi::Value InterfaceIndex(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "interfaceIndex");
  const std::string name = arguments.String(0, "name", IFNAMSIZ - 1);
  if (!arguments.ok()) return info.Env().Undefined();
  const uint32_t ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) return Throw(info.Env(), LastError("if_nametoindex", name));
  return Napi::Number::New(info.Env(), ifindex);
}

}  // namespace tapnet
