# bash completion of tapnet. Names of guests and networks come from the daemon, where it runs.

_tapnet_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_tapnet_names() {
  _tapnet_words "$(tapnet "$1" list --quiet 2>/dev/null)" "$2"
}

_tapnet() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" index
  local -a words=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "${COMP_WORDS[index]}" in
      --run) ((index++)) ;;
      -*) ;;
      *) words+=("${COMP_WORDS[index]}") ;;
    esac
  done

  case "$before" in
    --run) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
    -n | --network) _tapnet_names net "$word"; return ;;
    -g | --guest) _tapnet_names guest "$word"; return ;;
    -s | --state) _tapnet_words 'offered bound released expired declined' "$word"; return ;;
    -f | --format)
      if [[ "${words[1]}" == import ]]; then _tapnet_words 'auto json dnsmasq kea libvirt' "$word"
      else _tapnet_words 'json dnsmasq kea' "$word"; fi
      return ;;
    -w | --write) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --at | -c | --count | --snap | --rotate-size | --rotate-time | --keep) return ;;
  esac

  local options='--json --run --help'
  case "${words[0]} ${words[1]}" in
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
  esac
  if [[ "$word" == -* ]]; then _tapnet_words "$options" "$word"; return; fi

  if ((${#words[@]} == 0)); then
    _tapnet_words 'status events capture doctor version guest forward lease net dns config help' "$word"
    return
  fi
  if ((${#words[@]} == 1)); then
    case "${words[0]}" in
      guest) _tapnet_words 'list show add remove attach detach mac' "$word" ;;
      forward) _tapnet_words 'list add remove' "$word" ;;
      lease) _tapnet_words 'list show release history export import' "$word" ;;
      net | network) _tapnet_words 'list show' "$word" ;;
      dns) _tapnet_words 'list query flush stats log' "$word" ;;
      config) _tapnet_words 'check show schema' "$word" ;;
      capture) _tapnet_names guest "$word" ;;
      events) _tapnet_words 'guest lease kernel configuration' "$word" ;;
      help) _tapnet_words 'status events capture doctor version guest forward lease net dns config' "$word" ;;
    esac
    return
  fi
  case "${words[0]} ${words[1]}" in
    'guest show' | 'guest add' | 'guest remove' | 'guest detach' | 'guest mac') _tapnet_names guest "$word" ;;
    'forward add' | 'forward remove') ((${#words[@]} == 2)) && _tapnet_names guest "$word" ;;
    'guest attach') _tapnet_words "$(command ls /sys/class/net)" "$word" ;;
    'net show' | 'network show') _tapnet_names net "$word" ;;
    'config check' | 'config show' | 'lease import') mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
  esac
}

complete -F _tapnet tapnet
