import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./process.js";

/** Builds a static program that prints the addresses of a name, by musl's resolver, in a folder; hands back its path. */
export async function muslResolver(folder: string): Promise<string> {
  const source = join(folder, "resolve.c");
  const program = join(folder, "resolve");
  writeFileSync(source, PROGRAM);
  await must(["musl-gcc", "-static", "-o", program, source]);
  return program;
}

const PROGRAM = `
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int count, char **arguments) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int status = getaddrinfo(arguments[count - 1], 0, &hints, &found);
  if (status != 0) return printf("error %d\\n", status), 1;
  for (; found; found = found->ai_next) {
    char text[64];
    getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
    puts(text);
  }
}
`;
