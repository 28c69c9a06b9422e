# bash completion of tapnet. Names of guests and networks come from the daemon, where it runs.

_tapnet_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_tapnet_names() {
  _tapnet_words "$(tapnet "$1" list --quiet 2>/dev/null)" "$2"
}

# Whether an option, after the commands so far, has a value behind it.
_tapnet_has_value() {
  case "$1" in
    -q) [[ "$2" == 'guest add' ]] ;;
    --run | -[ngsfwco] | --network | --guest | --state | --format | --write | --count | --owner | --queues | --socket) ;;
    --at | --snap | --rotate-size | --rotate-time | --keep | --listen) ;;
    *) return 1 ;;
  esac
}

# What may stand behind an option that has a value.
_tapnet_values() {
  case "$1" in
    --run) mapfile -t COMPREPLY < <(compgen -d -- "$3") ;;
    -w | --write) mapfile -t COMPREPLY < <(compgen -f -- "$3") ;;
    -n | --network) _tapnet_names net "$3" ;;
    -g | --guest) _tapnet_names guest "$3" ;;
    -o | --owner) mapfile -t COMPREPLY < <(compgen -u -- "$3") ;;
    -s | --state | --socket)
      if [[ "$2" == 'guest add' ]]; then _tapnet_words 'dgram stream' "$3"
      else _tapnet_words 'offered bound released expired declined' "$3"; fi ;;
    -f | --format)
      if [[ "$2" == 'lease import' ]]; then _tapnet_words 'auto json dnsmasq kea libvirt' "$3"
      else _tapnet_words 'json dnsmasq kea' "$3"; fi ;;
  esac
}

_tapnet_options() {
  local options='--json --run --help'
  case "$1" in
    ' ') options+=' --version' ;;
    'web ') options+=' --listen --read-only --expose' ;;
    'capture '*) options+=' --network --write --count --snap --rotate-size --rotate-time --keep' ;;
    'guest list') options+=' --network --quiet' ;;
    'guest attach') options+=' --guest --network' ;;
    'guest add') options+=' --network --owner --queues --socket' ;;
    'guest mac') options+=' --network' ;;
    'forward list') options+=' --guest' ;;
    'forward add') options+=' --permanent' ;;
    'lease list') options+=' --network --guest --state' ;;
    'lease release' | 'dns list' | 'dns query' | 'dns log') options+=' --network' ;;
    'lease history') options+=' --guest --at' ;;
    'lease export') options+=' --format --network' ;;
    'lease import') options+=' --format --dry-run' ;;
    'net list') options+=' --quiet' ;;
    'config check') options+=' --rootless' ;;
  esac
  _tapnet_words "$options" "$2"
}

# The second command, or what stands behind the first where it has none.
_tapnet_second() {
  case "$1" in
    guest) _tapnet_words 'list show add remove attach detach mac' "$2" ;;
    forward) _tapnet_words 'list add remove' "$2" ;;
    lease) _tapnet_words 'list show release history export import' "$2" ;;
    net) _tapnet_words 'list show' "$2" ;;
    dns) _tapnet_words 'list query flush stats log' "$2" ;;
    config) _tapnet_words 'check show schema' "$2" ;;
    capture) _tapnet_names guest "$2" ;;
    events) _tapnet_words 'guest lease configuration' "$2" ;;
    help) _tapnet_words 'status events capture web doctor version guest forward lease net dns config' "$2" ;;
  esac
}

_tapnet_third() {
  case "$1" in
    'guest show' | 'guest add' | 'guest remove' | 'guest detach' | 'guest mac') _tapnet_names guest "$2" ;;
    'forward add' | 'forward remove') _tapnet_names guest "$2" ;;
    'dns log') _tapnet_words "$(tapnet guest list --quiet 2>/dev/null) on off" "$2" ;;
    'guest attach') _tapnet_words "$(command ls /sys/class/net)" "$2" ;;
    'net show') _tapnet_names net "$2" ;;
    'lease show' | 'lease release' | 'lease history')
      _tapnet_words "$(tapnet lease list 2>/dev/null | awk 'NR > 1 { print $1 }')" "$2" ;;
    'config check' | 'config show' | 'lease import') mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
  esac
}

_tapnet_fourth() {
  case "$1" in
    'dns log') _tapnet_words 'on off' "$2" ;;
    'dns query') _tapnet_words 'A AAAA PTR CNAME TXT SRV MX' "$2" ;;
    'forward remove') _tapnet_words "$(tapnet --json forward list --guest "$3" 2>/dev/null | sed -n 's/^ *"forward": "\(.*\)",$/\1/p')" "$2" ;;
  esac
}

_tapnet() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" index
  local -a words=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    if [[ "${COMP_WORDS[index]}" != -* ]]; then
      case "${#words[@]} ${COMP_WORDS[index]}" in
        '0 network') words+=(net) ;;
        '1 ls') words+=(list) ;;
        '1 rm') words+=(remove) ;;
        *) words+=("${COMP_WORDS[index]}") ;;
      esac
    elif _tapnet_has_value "${COMP_WORDS[index]}" "${words[*]:0:2}"; then
      # `=` is a word of its own here: --run=/run/tapnet.
      [[ "${COMP_WORDS[index+1]}" == '=' ]] && ((index++))
      ((index++))
    fi
  done
  local command="${words[0]} ${words[1]}"
  if [[ "$before" == '=' ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ "$word" == '=' ]]; then word=''; fi

  if _tapnet_has_value "$before" "$command"; then _tapnet_values "$before" "$command" "$word"; return; fi
  if [[ "$word" == -* ]]; then _tapnet_options "$command" "$word"; return; fi
  case ${#words[@]} in
    0) _tapnet_words 'status events capture web doctor version guest forward lease net dns config help' "$word" ;;
    1) _tapnet_second "${words[0]}" "$word" ;;
    2) _tapnet_third "$command" "$word" ;;
    3) _tapnet_fourth "$command" "$word" "${words[2]}" ;;
  esac
}

complete -F _tapnet tapnet
