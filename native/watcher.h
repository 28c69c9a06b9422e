#pragma once

#include <napi.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

namespace tapnet {

// Theory of operation
//
// A Watcher tells when a descriptor becomes readable, through libuv's own poll handle on the loop of the environment it was
// started in (never the default loop: workers have their own). libuv closes a handle in two steps, so the handle outlives
// the Watcher: it is freed by its close callback. When an environment ends (process exit, or a worker that is terminated)
// libuv insists that no handle is left; the WatcherLoop's cleanup hook closes all of them and only then lets the
// environment go. The descriptor must stay open until Stop() was called, and may be closed right after.

class Watcher;

// All poll handles of one environment, including those that are just closing.
class WatcherLoop : public std::enable_shared_from_this<WatcherLoop> {
 public:
  // Null with an exception pending when the environment refuses.
  static std::shared_ptr<WatcherLoop> Create(Napi::Env env);
  bool ending() const { return ending_; }
  // Readable when the loop has something to do besides timers.
  int fd() const { return uv_backend_fd(uv_); }

 private:
  friend class Watcher;

  struct Handle {
    uv_poll_t poll;
    std::shared_ptr<WatcherLoop> loop;
    std::function<void()> on_readable;
    bool closing = false;
  };

  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* data);
  static void OnPoll(uv_poll_t* poll, int status, int events);
  static void OnClosed(uv_handle_t* handle);
  void Close(Handle* handle);
  void FinishIfEmpty();

  uv_loop_t* uv_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  // Keeps the object alive from the registration of the hook until it has run.
  std::shared_ptr<WatcherLoop> self_;
  std::unordered_set<Handle*> handles_;
  bool ending_ = false;
};

class Watcher {
 public:
  Watcher() = default;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() { Stop(); }

  // Zero, or a positive errno. `on_readable` also runs when the descriptor has an error or was hung up: reading tells which.
  // It may call Stop().
  int Start(const std::shared_ptr<WatcherLoop>& loop, int fd, std::function<void()> on_readable);
  void Stop();
  bool started() const { return handle_ != nullptr; }
  // Between the two nothing is told, and the loop does not look at the descriptor.
  void Pause();
  void Resume();
  // Whether a started watcher keeps the process alive; it does unless told otherwise.
  void SetReferenced(bool referenced);

 private:
  bool Live() const;

  std::weak_ptr<WatcherLoop> loop_;
  WatcherLoop::Handle* handle_ = nullptr;
};

// Calls a JavaScript function from the loop. What it throws becomes an uncaught exception, as for any event.
void CallFromLoop(Napi::Env env, const Napi::Object& receiver, const Napi::Function& function,
                  const std::vector<napi_value>& arguments);

// Makes the pending exception an uncaught one.
void RaiseUncaught(Napi::Env env);

}  // namespace tapnet
