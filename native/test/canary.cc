// Must be stopped by a sanitizer: `canary overflow` reads behind an allocation, `canary shift` is undefined arithmetic. If
// either ends well, the sanitizers do not see, and all the other green tests mean nothing.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

int main(int count, char** arguments) {
  const bool overflow = count > 1 && std::strcmp(arguments[1], "overflow") == 0;
  if (overflow) {
    const auto bytes = std::make_unique<unsigned char[]>(static_cast<size_t>(count));
    std::printf("%d\n", bytes[static_cast<size_t>(count) + static_cast<size_t>(std::atoi("0"))]);
  } else {
    std::printf("%d\n", count << (count + 32));
  }
  return 0;
}
