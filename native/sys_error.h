#pragma once

#include <cerrno>
#include <string>
#include <utility>

namespace tapnet {

// Outcome of a system call: `number` is errno, zero for success. Becomes a SystemError in JavaScript.
struct [[nodiscard]] SysError {
  int number = 0;
  const char* syscall = "";
  // The interface, path or address concerned.
  std::string object;
  // What to do about it, where more is known than errno says; may be empty.
  std::string hint;

  bool failed() const { return number != 0; }
};

// Captures errno. The object is taken by reference: building a string could overwrite errno before it is read.
inline SysError LastError(const char* syscall, const std::string& object) {
  const int number = errno;
  return SysError{.number = number, .syscall = syscall, .object = object, .hint = {}};
}

inline SysError LastError(const char* syscall, const char* object) {
  const int number = errno;
  return SysError{.number = number, .syscall = syscall, .object = object, .hint = {}};
}

inline SysError ErrorOf(int number, const char* syscall, std::string object) {
  return SysError{.number = number, .syscall = syscall, .object = std::move(object), .hint = {}};
}

}  // namespace tapnet
