# fish completion of tapnet. Names of guests and networks come from the daemon, where it runs.

function __tapnet_guests
    tapnet guest list --quiet 2>/dev/null
end

function __tapnet_networks
    tapnet net list --quiet 2>/dev/null
end

function __tapnet_addresses
    tapnet lease list 2>/dev/null | awk 'NR > 1 { print $1 }'
end

# Options that have a value behind them; -q has one only with `guest add`.
set -g __tapnet_valued --run -n --network -g --guest -s --state -f --format -w --write -c --count -o --owner --queues --socket \
    --at --snap --rotate-size --rotate-time --keep --listen

# The words so far without options and their values, and without other names of commands.
function __tapnet_words
    set -l words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if contains -- $word $__tapnet_valued; or begin; test "$word" = -q; and test "$words[1..2]" = 'guest add'; end
            set skip 1
        else if not string match -q -- '-*' $word
            switch (count $words)" $word"
                case '0 network'
                    set word net
                case '1 ls'
                    set word list
                case '1 rm'
                    set word remove
            end
            set -a words $word
        end
    end
    printf '%s\n' $words
end

# Whether the words so far are exactly these commands.
function __tapnet_at
    set -l words (__tapnet_words)
    test "$words" = "$argv"
end

# Whether these commands stand at the beginning.
function __tapnet_in
    set -l words (__tapnet_words)
    test "$words[1..2]" = "$argv"
end

# Whether these commands and one word more stand there.
function __tapnet_after
    set -l words (__tapnet_words)
    test (count $words) -eq 3; and test "$words[1..2]" = "$argv"
end

complete -c tapnet -f
complete -c tapnet -l json -d 'Print the answer as JSON'
complete -c tapnet -l run -x -a '(__fish_complete_directories)' -d 'Folder of the daemon\'s sockets'
complete -c tapnet -s h -l help -d 'Show help'
complete -c tapnet -n '__tapnet_at' -s V -l version -d 'Print the version'

complete -c tapnet -n '__tapnet_at' -a status -d 'The daemon, its networks, and what it wants you to know'
complete -c tapnet -n '__tapnet_at' -a events -d 'What happens, as it happens'
complete -c tapnet -n '__tapnet_at' -a capture -d 'The frames of a guest, as they pass'
complete -c tapnet -n '__tapnet_at' -a web -d 'All of this as a page in your browser'
complete -c tapnet -n '__tapnet_at' -a doctor -d 'Look for what stands in the way on this host'
complete -c tapnet -n '__tapnet_at' -a version -d 'The version of this program and of the daemon'
complete -c tapnet -n '__tapnet_at' -a guest -d 'Virtual machines'
complete -c tapnet -n '__tapnet_at' -a forward -d 'Ports of this host that lead to guests'
complete -c tapnet -n '__tapnet_at' -a lease -d 'Addresses and who has them'
complete -c tapnet -n '__tapnet_at' -a net -d 'Networks'
complete -c tapnet -n '__tapnet_at' -a dns -d 'Names of guests, and the forwarder'
complete -c tapnet -n '__tapnet_at' -a config -d 'The configuration'
complete -c tapnet -n '__tapnet_at' -a help -d 'Show the help of a command'
complete -c tapnet -n '__tapnet_at help' -a 'status events capture web doctor version guest forward lease net dns config'
complete -c tapnet -n '__tapnet_at events' -a 'guest lease configuration'

complete -c tapnet -n '__fish_seen_subcommand_from web' -l listen -x -d 'Where, like 127.0.0.1:8080'
complete -c tapnet -n '__fish_seen_subcommand_from web' -l read-only -d 'Nothing can be changed'
complete -c tapnet -n '__fish_seen_subcommand_from web' -l expose -d 'Let others than this host connect too'
complete -c tapnet -n '__tapnet_at capture' -a '(__tapnet_guests)'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -s n -l network -x -a '(__tapnet_networks)' -d 'Of its port on this network'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -s w -l write -r -F -d 'Into a pcapng file'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -s c -l count -x -d 'End after so many frames'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -l snap -x -d 'Keep so many bytes of each frame'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -l rotate-size -x -d 'Another file when one has this size'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -l rotate-time -x -d 'Another file after this time'
complete -c tapnet -n '__fish_seen_subcommand_from capture' -l keep -x -d 'Of files that rotate, keep the youngest'

complete -c tapnet -n '__tapnet_at guest' -a list -d 'Guests that are attached or configured'
complete -c tapnet -n '__tapnet_at guest' -a show -d 'One guest, with its leases'
complete -c tapnet -n '__tapnet_at guest' -a add -d 'Make a TAP for a guest whose VMM makes none'
complete -c tapnet -n '__tapnet_at guest' -a remove -d 'Take away what guest add has made'
complete -c tapnet -n '__tapnet_at guest' -a attach -d 'Give the guest behind a TAP its network'
complete -c tapnet -n '__tapnet_at guest' -a detach -d 'Take a guest\'s network away'
complete -c tapnet -n '__tapnet_at guest' -a mac -d 'Print a MAC address for a guest'
complete -c tapnet -n '__tapnet_in guest list' -s n -l network -x -a '(__tapnet_networks)' -d 'Only those of this network'
complete -c tapnet -n '__tapnet_in guest list' -s q -l quiet -d 'Names only'
complete -c tapnet -n '__tapnet_at guest show; or __tapnet_at guest add; or __tapnet_at guest remove; or __tapnet_at guest detach; or __tapnet_at guest mac' -a '(__tapnet_guests)'
complete -c tapnet -n '__tapnet_at guest attach' -a '(command ls /sys/class/net)'
complete -c tapnet -n '__tapnet_in guest add' -s n -l network -x -a '(__tapnet_networks)' -d 'Its network'
complete -c tapnet -n '__tapnet_in guest add' -s o -l owner -x -a '(__fish_complete_users)' -d 'Who may open the TAP'
complete -c tapnet -n '__tapnet_in guest add' -s q -l queues -x -d 'How many queues it has'
complete -c tapnet -n '__tapnet_in guest add' -s s -l socket -x -a 'dgram stream' -d 'A unix socket for QEMU instead of a TAP'
complete -c tapnet -n '__tapnet_in guest mac' -s n -l network -x -a '(__tapnet_networks)' -d 'For which of its interfaces'
complete -c tapnet -n '__tapnet_in guest attach' -s g -l guest -x -d 'Its name'
complete -c tapnet -n '__tapnet_in guest attach' -s n -l network -x -a '(__tapnet_networks)' -d 'Its network'

complete -c tapnet -n '__tapnet_at forward' -a list -d 'Forwards, and where each leads to now'
complete -c tapnet -n '__tapnet_at forward' -a add -d 'Let a port of this host lead to a guest'
complete -c tapnet -n '__tapnet_at forward' -a remove -d 'End a forward that was added'
complete -c tapnet -n '__tapnet_in forward list' -s g -l guest -x -a '(__tapnet_guests)' -d 'Only those of this guest'
complete -c tapnet -n '__tapnet_in forward add' -s p -l permanent -d 'Keep it over a restart of this host'
complete -c tapnet -n '__tapnet_at forward add; or __tapnet_at forward remove' -a '(__tapnet_guests)'

complete -c tapnet -n '__tapnet_at lease' -a list -d 'Leases that are held now'
complete -c tapnet -n '__tapnet_at lease' -a show -d 'One lease in full'
complete -c tapnet -n '__tapnet_at lease' -a release -d 'End a lease'
complete -c tapnet -n '__tapnet_at lease' -a history -d 'Who had an address, and when'
complete -c tapnet -n '__tapnet_at lease' -a export -d 'Leases on stdout, in the form of another server'
complete -c tapnet -n '__tapnet_at lease' -a import -d 'Take over the leases of another server'
for command in list release export
    complete -c tapnet -n "__tapnet_in lease $command" -s n -l network -x -a '(__tapnet_networks)' -d 'Only those of this network'
end
for command in list history
    complete -c tapnet -n "__tapnet_in lease $command" -s g -l guest -x -a '(__tapnet_guests)' -d 'Only those of this guest'
end
complete -c tapnet -n '__tapnet_in lease list' -s s -l state -x -a 'offered bound released expired declined' -d 'Of this state'
complete -c tapnet -n '__tapnet_in lease history' -l at -x -d 'At this moment'
complete -c tapnet -n '__tapnet_in lease export' -s f -l format -x -a 'json dnsmasq kea' -d 'Of the output'
complete -c tapnet -n '__tapnet_in lease import' -s f -l format -x -a 'auto json dnsmasq kea libvirt' -d 'Of the file'
complete -c tapnet -n '__tapnet_in lease import' -l dry-run -d 'Only say what was read'
complete -c tapnet -n '__tapnet_at lease import' -F
for command in show release history
    complete -c tapnet -n "__tapnet_at lease $command" -a '(__tapnet_addresses)'
end

complete -c tapnet -n '__tapnet_at net' -a list -d 'Networks and how full they are'
complete -c tapnet -n '__tapnet_at net' -a show -d 'One network in full'
complete -c tapnet -n '__tapnet_in net list' -s q -l quiet -d 'Names only'
complete -c tapnet -n '__tapnet_at net show' -a '(__tapnet_networks)'

complete -c tapnet -n '__tapnet_at dns' -a list -d 'Names that are answered here'
complete -c tapnet -n '__tapnet_at dns' -a query -d 'Ask the daemon\'s DNS'
complete -c tapnet -n '__tapnet_at dns' -a flush -d 'Forget what upstreams said'
complete -c tapnet -n '__tapnet_at dns' -a stats -d 'Questions, hits, failures'
complete -c tapnet -n '__tapnet_at dns' -a log -d 'Write a guest\'s questions to the log'
complete -c tapnet -n '__tapnet_in dns log' -s n -l network -x -a '(__tapnet_networks)' -d 'Of all guests of this network'
complete -c tapnet -n '__tapnet_at dns log' -a '(__tapnet_guests)'
complete -c tapnet -n '__tapnet_at dns log; or __tapnet_after dns log' -a 'on off'
complete -c tapnet -n '__tapnet_after dns query' -a 'A AAAA PTR CNAME TXT SRV MX'
for command in list query
    complete -c tapnet -n "__tapnet_in dns $command" -s n -l network -x -a '(__tapnet_networks)' -d 'As seen from this network'
end

complete -c tapnet -n '__tapnet_at config' -a check -d 'Report every mistake of a configuration'
complete -c tapnet -n '__tapnet_at config' -a show -d 'The configuration with every default'
complete -c tapnet -n '__tapnet_at config' -a schema -d 'JSON Schema for editors'
complete -c tapnet -n '__tapnet_in config check' -l rootless -d 'As tapnetd --rootless would read it'
complete -c tapnet -n '__tapnet_at config check; or __tapnet_at config show' -F
