#include "check.h"

// Prints a line for each test; exit status 1 when one fails.
int main() {
  using tapnet::test::Cases;
  using tapnet::test::Failures;
  int skipped = 0;
  for (const auto& test : Cases()) {
    const int before = Failures();
    const std::string reason = test.run();
    if (!reason.empty()) {
      skipped++;
      std::printf("skipped: %s: %s\n", test.name, reason.c_str());
    } else {
      std::printf("%s %s\n", Failures() == before ? "ok" : "FAILED", test.name);
    }
  }
  std::printf("%zu native tests, %d failed checks, %d skipped\n", Cases().size(), Failures(), skipped);
  return Failures() == 0 ? 0 : 1;
}
