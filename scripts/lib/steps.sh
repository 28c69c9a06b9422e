# Steps of a script: one line each, saying what was done and how long it took. Sourced by bash, with $root the checkout.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  green=$'\e[32m' red=$'\e[31m' yellow=$'\e[33m' dim=$'\e[2m' plain=$'\e[0m'
else
  green='' red='' yellow='' dim='' plain=''
fi

# Runs a step of setup.sh. What it prints is kept, and shown only when it fails; what it says on fd 3 stands in the step's line.
step() { # NAME STEP [ARGUMENT]...
  local name=$1 started=$EPOCHREALTIME log said status=0
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/tapnet-step.XXXXXX")
  # Also when Ctrl-C ends it.
  trap 'rm -f "$log" "$log.said"' EXIT
  [[ -t 1 ]] && printf '  … %-20s' "$name"
  "$root/scripts/lib/setup.sh" "$@" >"$log" 2>&1 3>"$log.said" </dev/null || status=$?
  said=$(<"$log.said")
  [[ -t 1 ]] && printf '\r\e[K'
  if ((status == 0)); then
    printf '  %s✓%s %-20s %-40s %s%5s s%s\n' "$green" "$plain" "$name" "$said" "$dim" "$(elapsed "$started")" "$plain"
  else
    printf '  %s✗%s %-20s %s\n' "$red" "$plain" "$name" "${said:-failed}"
    both_ends "$log" | sed 's/^/      /' >&2
  fi
  rm -f "$log" "$log.said"
  trap - EXIT
  return "$status"
}

# The first and the last lines of a long text: causes stand at its beginning, consequences at its end.
both_ends() { # FILE
  if (($(wc -l <"$1") <= 60)); then
    cat "$1"
  else
    head -n 30 "$1"
    echo "…"
    tail -n 30 "$1"
  fi
}

# Only one set-up at a time in a checkout: two scripts started together would build over each other.
lock_setup() {
  if ! mkdir -p "$root/.cache" 2>/dev/null || ! { : >>"$root/.cache/setup.lock"; } 2>/dev/null; then
    echo "$0: you may not write in $root, and what is built stays there: clone it where you may." >&2
    exit 1
  fi
  exec 9>"$root/.cache/setup.lock"
  flock 9
}

unlock_setup() {
  exec 9>&-
}

# A line between steps that the reader should not miss.
warn() {
  printf '  %s!%s %s\n' "$yellow" "$plain" "$*"
}

# Seconds since a moment of EPOCHREALTIME, with one decimal.
elapsed() { # STARTED
  local now=$EPOCHREALTIME
  local tenths=$(((${now/[.,]/} - ${1/[.,]/}) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}
