#!/usr/bin/env bash
# From a clone to a built tapnet: `setup.sh STEP [ARGUMENT]...` does one step, only what of it is missing, and says on fd 3 what
# it did. Nothing is installed on the machine but Debian packages, and those only as root.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

node_wanted=20.19.0

say() {
  echo "$*" >&3
}

check_node() {
  local version
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "Node.js is missing"
    echo "tapnet needs Node.js $node_wanted or later, with npm, on the PATH."
    return 1
  fi
  version=$(node --version)
  if ! printf '%s\n' "$node_wanted" "${version#v}" | sort -V -C; then
    say "Node.js $version is too old"
    echo "tapnet needs Node.js $node_wanted or later."
    return 1
  fi
  say "$version"
}

# What is missing, as Debian package names. Each argument is PROGRAM, PROGRAM:PACKAGE or /PATH/OF/A/FILE*:PACKAGE.
missing_packages() { # PROGRAM[:PACKAGE]...
  local entry
  for entry in "$@"; do
    if [[ $entry == /* ]]; then
      compgen -G "${entry%%:*}" >/dev/null || echo "${entry##*:}"
    else
      PATH=$PATH:/usr/sbin:/sbin command -v "${entry%%:*}" >/dev/null || echo "${entry##*:}"
    fi
  done | sort -u
}

# Installs what is missing when it may; otherwise names it and fails.
packages() { # PROGRAM[:PACKAGE]...
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    say "all there"
  elif ! command -v apt-get >/dev/null; then
    say "missing: ${missing[*]}"
    echo "This is not Debian: install what these Debian packages hold, then run this again."
    return 1
  elif ((EUID != 0)); then
    say "missing: ${missing[*]}"
    echo "As root: apt-get install --no-install-recommends ${missing[*]}"
    return 1
  else
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # Also what dpkg believes to be there, since its file is not.
    apt-get install -q -y --no-install-recommends --reinstall "${missing[@]}"
    local left
    mapfile -t left < <(missing_packages "$@")
    if ((${#left[@]} > 0)); then
      say "still missing: ${left[*]}"
      echo "apt-get has installed these Debian packages, but not the programs that they are needed for: see above."
      return 1
    fi
    if ((${#missing[@]} > 4)); then say "installed ${#missing[@]} packages"; else say "installed ${missing[*]}"; fi
  fi
}

# The same for what only some tests need: where it cannot be had it is no failure, because they are skipped and say why.
optional_packages() { # PROGRAM[:PACKAGE]...
  local said
  if said=$(bash "${BASH_SOURCE[0]}" packages "$@" 3>&1 >&2); then say "$said"; else say "missing: $(missing_packages "$@" | xargs)"; fi
}

npm_packages() {
  if node "$root/scripts/lib/packages-current.mjs" "$root"; then
    say "as package-lock.json has them"
    return
  fi
  cd "$root"
  npm ci --no-audit --no-fund --loglevel=error
  say "installed by npm ci"
}

# Addon and hooks; built again when their sources, Node.js or what they are built with have changed.
native_build() {
  local stamp hash
  stamp=$root/build/sources.sha256
  hash=$(
    cd "$root"
    { node --version && find binding.gyp package-lock.json native -type f | LC_ALL=C sort | xargs sha256sum; } | sha256sum
  )
  if [[ -f $stamp && $(<"$stamp") == "$hash" ]]; then
    say "up to date"
    return
  fi
  cd "$root"
  rm -f "$stamp"
  npm run --silent build:native
  echo "$hash" >"$stamp"
  say "built"
}

# With `tests` also what only the page's tests need: its modules one by one.
compile() { # [tests]
  cd "$root"
  node scripts/lib/prune-dist.mjs
  npm run --silent build:ts
  if [[ ${1:-} == tests ]]; then npm run --silent build:tests; fi
  say "compiled"
}

guest_image() {
  local image
  image=$("$root/scripts/guest-image")
  image=${image##*/image-linux-image-}
  say "Debian kernel ${image%-*}"
}

unpacked_programs() {
  "$root/scripts/unpacked" >/dev/null
  say "unbound, systemd-resolved"
}

"$@"
