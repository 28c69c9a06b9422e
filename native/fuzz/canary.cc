// Must be found: any input that begins with "tap" reads behind its end.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t length) {
  if (length < 3 || bytes[0] != 't' || bytes[1] != 'a' || bytes[2] != 'p') return 0;
  const volatile uint8_t behind = bytes[length];
  return behind == 0 ? 0 : 0;
}
