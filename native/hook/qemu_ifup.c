/* script= of QEMU's -netdev tap: the guest behind this TAP gets its network. */
#include "hook.h"

int main(int argc, char** argv) {
  return hook_interface_main(argc, argv, "qemu-ifup", "ifup");
}
