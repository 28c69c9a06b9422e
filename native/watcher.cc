#include "watcher.h"

namespace tapnet {

std::shared_ptr<WatcherLoop> WatcherLoop::Create(Napi::Env env) {
  auto loop = std::make_shared<WatcherLoop>();
  if (napi_get_uv_event_loop(env, &loop->uv_) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnCleanup, loop.get(), &loop->hook_) != napi_ok) {
    Napi::Error::New(env, "tapnet: the environment offers no event loop").ThrowAsJavaScriptException();
    return nullptr;
  }
  loop->self_ = loop;
  return loop;
}

void WatcherLoop::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto self = static_cast<WatcherLoop*>(data)->shared_from_this();
  self->ending_ = true;
  for (Handle* handle : self->handles_) self->Close(handle);
  self->FinishIfEmpty();
}

void WatcherLoop::Close(Handle* handle) {
  if (handle->closing) return;
  handle->closing = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle->poll), OnClosed);
}

void WatcherLoop::OnClosed(uv_handle_t* handle) {
  std::unique_ptr<Handle> owned(static_cast<Handle*>(handle->data));
  auto loop = owned->loop;
  loop->handles_.erase(owned.get());
  loop->FinishIfEmpty();
}

// Removing the hook is what tells the environment that it may end; the status only says whether the hook was known.
void WatcherLoop::FinishIfEmpty() {
  if (!ending_ || !handles_.empty() || hook_ == nullptr) return;
  static_cast<void>(napi_remove_async_cleanup_hook(std::exchange(hook_, nullptr)));
  self_.reset();
}

void WatcherLoop::OnPoll(uv_poll_t* poll, int status, int) {
  auto* handle = static_cast<Handle*>(poll->data);
  if (handle->closing) return;
  // A copy: the callback may stop the watcher, and start another.
  const auto on_readable = handle->on_readable;
  on_readable();
  // libuv stops a handle whose descriptor reports an error (a netlink overrun, an ICMP error on UDP). Reading has cleared it.
  if (status < 0 && !handle->closing) static_cast<void>(uv_poll_start(poll, UV_READABLE, OnPoll));
}

int Watcher::Start(const std::shared_ptr<WatcherLoop>& loop, int fd, std::function<void()> on_readable) {
  if (handle_ != nullptr || loop->ending_) return EBUSY;
  auto handle = std::make_unique<WatcherLoop::Handle>();
  if (const int status = uv_poll_init(loop->uv_, &handle->poll, fd); status != 0) return -status;
  handle->poll.data = handle.get();
  handle->loop = loop;
  handle->on_readable = std::move(on_readable);
  WatcherLoop::Handle* started = handle.release();
  loop->handles_.insert(started);
  if (const int status = uv_poll_start(&started->poll, UV_READABLE, WatcherLoop::OnPoll); status != 0) {
    loop->Close(started);
    return -status;
  }
  loop_ = loop;
  handle_ = started;
  return 0;
}

// After the environment's end the handle is already freed, and so is the loop: weak_ptr tells.
void Watcher::Stop() {
  WatcherLoop::Handle* handle = std::exchange(handle_, nullptr);
  auto loop = loop_.lock();
  loop_.reset();
  if (handle != nullptr && loop != nullptr && loop->handles_.contains(handle)) loop->Close(handle);
}

void Watcher::Pause() {
  if (Live()) static_cast<void>(uv_poll_stop(&handle_->poll));
}

void Watcher::Resume() {
  if (Live()) static_cast<void>(uv_poll_start(&handle_->poll, UV_READABLE, WatcherLoop::OnPoll));
}

bool Watcher::Live() const {
  auto loop = loop_.lock();
  return handle_ != nullptr && loop != nullptr && loop->handles_.contains(handle_);
}

void Watcher::SetReferenced(bool referenced) {
  if (!Live()) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(&handle_->poll);
  if (referenced) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
}

void CallFromLoop(Napi::Env env, const Napi::Object& receiver, const Napi::Function& function,
                  const std::vector<napi_value>& arguments) {
  napi_value result = nullptr;
  const napi_status status =
      napi_make_callback(env, nullptr, receiver, function, arguments.size(), arguments.data(), &result);
  if (status == napi_pending_exception) RaiseUncaught(env);
}

void RaiseUncaught(Napi::Env env) {
  napi_value thrown = nullptr;
  if (napi_get_and_clear_last_exception(env, &thrown) != napi_ok) return;
  static_cast<void>(napi_fatal_exception(env, thrown));
}

}  // namespace tapnet
