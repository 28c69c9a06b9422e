#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "environment.h"

namespace tapnet {

// Reads the arguments of one call. The first that does not fit leaves a coded exception pending; from then on every read
// gives an empty value, and `ok()` is false: read all, then check once.
class Arguments {
 public:
  Arguments(const Napi::CallbackInfo& info, const char* function) : info_(info), function_(function) {}

  bool ok() const { return ok_; }
  Napi::Env env() const { return info_.Env(); }
  bool Missing(size_t index) const { return index >= info_.Length() || info_[index].IsUndefined(); }

  int64_t Integer(size_t index, const char* name, int64_t minimum, int64_t maximum) {
    double value = NAN;
    // Leaves NaN where it is no number, which fails both comparisons.
    if (ok_ && napi_get_value_double(info_.Env(), info_[index], &value) != napi_ok) value = NAN;
    const bool fits = value >= static_cast<double>(minimum) && value <= static_cast<double>(maximum);
    if (!fits || std::trunc(value) != value) {
      Reject(name, "an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
      return minimum > 0 ? minimum : 0;
    }
    return static_cast<int64_t>(value);
  }
  uint32_t Uint32(size_t index, const char* name) {
    return static_cast<uint32_t>(Integer(index, name, 0, UINT32_MAX));
  }
  int Fd(size_t index, const char* name) { return static_cast<int>(Integer(index, name, 0, INT32_MAX)); }

  bool Boolean(size_t index, const char* name) {
    if (ok_ && info_[index].IsBoolean()) return info_[index].As<Napi::Boolean>().Value();
    Reject(name, "a boolean");
    return false;
  }

  // At most `limit` bytes of UTF-8, and no NUL byte inside: the kernel would see a shorter string.
  std::string String(size_t index, const char* name, size_t limit) {
    std::string text;
    if (ok_ && info_[index].IsString()) text = info_[index].As<Napi::String>().Utf8Value();
    else Reject(name, "a string");
    if (ok_ && (text.size() > limit || text.find('\0') != std::string::npos)) {
      Reject(name, "a string of at most " + std::to_string(limit) + " bytes without NUL");
      text.clear();
    }
    return text;
  }

  Napi::Function Function(size_t index, const char* name) {
    if (ok_ && info_[index].IsFunction()) return info_[index].As<Napi::Function>();
    Reject(name, "a function");
    return {};
  }

  // The elements of a typed array of exactly this kind. They stay valid until JavaScript runs again.
  template <typename Element>
  std::span<Element> Column(size_t index, const char* name, size_t minimum = 0, size_t maximum = SIZE_MAX) {
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    void* data = nullptr;
    // Fails where it is no typed array.
    const bool readable = ok_ && napi_get_typedarray_info(info_.Env(), info_[index], &type, &length, &data, nullptr,
                                                          nullptr) == napi_ok;
    if (!readable || type != TypeOf(Element{})) {
      Reject(name, std::string("a ") + NameOf(Element{}));
      return {};
    }
    if (length < minimum || length > maximum) {
      const bool too_short = length < minimum;
      Reject(name, std::string("a ") + NameOf(Element{}) + (too_short ? " of at least " : " of at most ") +
                       std::to_string(too_short ? minimum : maximum));
      return {};
    }
    return {static_cast<Element*>(data), length};
  }
  std::span<uint8_t> Bytes(size_t index, const char* name, size_t minimum = 0) {
    return Column<uint8_t>(index, name, minimum);
  }
  // Bytes with columns of 32 bits in them, from the first on.
  std::span<uint8_t> Memory(size_t index, const char* name, size_t minimum) {
    const std::span<uint8_t> memory = Bytes(index, name, minimum);
    if (ok_ && reinterpret_cast<uintptr_t>(memory.data()) % alignof(uint32_t) != 0) {
      Reject(name, "an array that starts at a multiple of four bytes");
    }
    return memory;
  }

 private:
  static constexpr napi_typedarray_type TypeOf(uint8_t) { return napi_uint8_array; }
  static constexpr napi_typedarray_type TypeOf(uint16_t) { return napi_uint16_array; }
  static constexpr napi_typedarray_type TypeOf(int32_t) { return napi_int32_array; }
  static constexpr napi_typedarray_type TypeOf(uint32_t) { return napi_uint32_array; }
  static constexpr const char* NameOf(uint8_t) { return "Uint8Array"; }
  static constexpr const char* NameOf(uint16_t) { return "Uint16Array"; }
  static constexpr const char* NameOf(int32_t) { return "Int32Array"; }
  static constexpr const char* NameOf(uint32_t) { return "Uint32Array"; }

  void Reject(const char* name, const std::string& wanted) {
    if (ok_) ThrowState(info_.Env(), "INVALID_ARGUMENT", std::string(function_) + ": " + name + " must be " + wanted);
    ok_ = false;
  }

  const Napi::CallbackInfo& info_;
  const char* function_;
  bool ok_ = true;
};

}  // namespace tapnet
