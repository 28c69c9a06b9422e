#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace tapnet::test {

// A test of its own; `run` returns the reason why it cannot be run here, or an empty string.
struct Case {
  const char* name;
  std::function<std::string()> run;
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

inline int& Failures() {
  static int failures = 0;
  return failures;
}

struct Register {
  Register(const char* name, std::function<std::string()> run) { Cases().push_back({name, std::move(run)}); }
};

inline bool Check(bool holds, const char* expression, const char* file, int line) {
  if (!holds) {
    Failures()++;
    std::printf("  %s:%d: %s\n", file, line, expression);
  }
  return holds;
}

}  // namespace tapnet::test

#define CHECK(expression) ::tapnet::test::Check((expression), #expression, __FILE__, __LINE__)
