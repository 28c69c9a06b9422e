/*
 * Theory of operation
 *
 * QEMU starts a hook for each guest and waits for it, and most of that is the start of a program: a C library looks at the
 * processor, chooses its string functions, sets up locales and threads, and touches 24 pages that a program of ours never uses.
 * In a virtual machine a page that is touched first costs up to 20 µs: 0.85 ms for an empty program linked statically with glibc,
 * 0.28 ms for one without it. So on the processors that are named here hooks are linked without it: the kernel comes in here,
 * and the few functions that they call are in libc.c, under their usual names. Everywhere else, and where they are fuzzed, the
 * same sources are linked with the C library (binding.gyp).
 */
#include <stdlib.h>

char** environ;

int main(int argc, char** argv);

/* The stack as the kernel leaves it (System V ABI, "Process Initialization"): argc, argv, NULL, the environment, NULL. */
__attribute__((noreturn, used)) static void start(long* stack) {
  const int argc = (int)stack[0];
  char** argv = (char**)(stack + 1);
  environ = argv + argc + 1;
  exit(main(argc, argv));
}

#if defined(__x86_64__)
__asm__(
  ".globl _start\n"
  "_start:\n"
  "  xor %ebp, %ebp\n"
  "  mov %rsp, %rdi\n"
  "  and $-16, %rsp\n"
  "  call start\n");
#elif defined(__aarch64__)
__asm__(
  ".globl _start\n"
  "_start:\n"
  "  mov x29, #0\n"
  "  mov x30, #0\n"
  "  mov x0, sp\n"
  "  bl start\n");
#else
#error "binding.gyp links the C library on this processor"
#endif
