/**
 * A kernel that has less than this one: a launcher whose seccomp filter refuses a system call, as a kernel without the feature
 * does. What it starts, and all that this starts, sees that kernel.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "./lab.js";
import { must } from "./process.js";

/** The words that run a command on a kernel without netfilter's netlink: no nftables, no conntrack. */
export async function withoutNftables(lab: Lab, command: readonly string[]): Promise<string[]> {
  const source = join(lab.folder, "without-nftables.c");
  const program = join(lab.folder, "without-nftables");
  writeFileSync(source, WITHOUT_NFTABLES);
  await must(["cc", "-Wall", "-Werror", "-o", program, source]);
  return [program, ...command];
}

/** `socket(AF_NETLINK, …, NETLINK_NETFILTER)` fails with EPROTONOSUPPORT, as where CONFIG_NETFILTER_NETLINK is off. */
const WITHOUT_NFTABLES = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

int main(int count, char **arguments) {
  struct sock_filter rules[] = {
    LOAD(nr), UNLESS(__NR_socket, 5),
    LOAD(args[0]), UNLESS(AF_NETLINK, 3),
    LOAD(args[2]), UNLESS(NETLINK_NETFILTER, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof rules / sizeof *rules, rules};
  if (count < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return perror("prctl"), 125;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return perror("seccomp"), 125;
  execvp(arguments[1], arguments + 1);
  return perror(arguments[1]), 127;
}
`;
