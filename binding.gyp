{
  "variables": {
    "program_cflags": ["-std=c11", "-Wall", "-Wextra", "-Werror"],
    "program_ldflags": ["<!(sh native/hook/link-flags.sh)"],
    # Hooks are linked without the C library where native/hook/bare knows the processor; it says why.
    "conditions": [
      ["target_arch=='x64' or target_arch=='arm64'", {
        "hook_sources": ["native/hook/hook.c", "native/hook/bare/libc.c", "native/hook/bare/start.c"],
        "hook_cflags": [
          "-std=c11", "-Wall", "-Wextra", "-Werror", "-Os", "-U_FORTIFY_SOURCE", "-fno-builtin", "-fno-stack-protector",
          "-fno-asynchronous-unwind-tables", "-ffunction-sections"
        ],
        "hook_ldflags": [
          "-static", "-nostdlib", "-no-pie", "-Wl,--gc-sections", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack",
          "-Wl,--build-id=none"
        ]
      }, {
        "hook_sources": ["native/hook/hook.c"],
        "hook_cflags": ["<@(program_cflags)"],
        "hook_ldflags": ["<@(program_ldflags)"]
      }]
    ],
    "bench_cflags": ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"]
  },
  "targets": [
    {
      "target_name": "tapnet",
      "sources": [
        "native/addon.cc",
        "native/capture_channel.cc",
        "native/capture_feed.cc",
        "native/capture_socket.cc",
        "native/close_all.cc",
        "native/closer.cc",
        "native/environment.cc",
        "native/filter_programs.cc",
        "native/frame_poller.cc",
        "native/frame_sender.cc",
        "native/frame_wait.cc",
        "native/frame_socket.cc",
        "native/namespace.cc",
        "native/netlink_channel.cc",
        "native/netlink_parse.cc",
        "native/netlink_socket.cc",
        "native/packet_link.cc",
        "native/port_link.cc",
        "native/port_link_send.cc",
        "native/port_set.cc",
        "native/port_socket.cc",
        "native/scheduling.cc",
        "native/tap.cc",
        "native/udp_channel.cc",
        "native/udp_socket.cc",
        "native/unix_channel.cc",
        "native/unix_socket.cc",
        "native/watcher.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        # Where a worker is being terminated nothing can be thrown any more; without this the process would be aborted.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20"]
    },
    {
      "target_name": "qemu-ifup",
      "type": "executable",
      "sources": ["<@(hook_sources)", "native/hook/qemu_ifup.c"],
      "cflags": ["<@(hook_cflags)"],
      "ldflags": ["<@(hook_ldflags)"]
    },
    {
      "target_name": "qemu-ifdown",
      "type": "executable",
      "sources": ["<@(hook_sources)", "native/hook/qemu_ifdown.c"],
      "cflags": ["<@(hook_cflags)"],
      "ldflags": ["<@(hook_ldflags)"]
    },
    {
      "target_name": "qemu-helper",
      "type": "executable",
      "sources": ["<@(hook_sources)", "native/hook/qemu_helper.c"],
      "cflags": ["<@(hook_cflags)"],
      "ldflags": ["<@(hook_ldflags)"]
    },
    {
      "target_name": "tapnet-relay",
      "type": "executable",
      "sources": [
        "native/relay/control.c",
        "native/relay/loop.c",
        "native/relay/opener.c",
        "native/relay/relay.c",
        "native/relay/tcp.c",
        "native/relay/udp.c"
      ],
      "cflags": ["<@(program_cflags)"],
      "ldflags": ["<@(program_ldflags)"]
    },
    {
      "target_name": "bench-dhcp-load",
      "type": "executable",
      "sources": ["native/bench/dhcp-load.c"],
      "cflags": ["<@(bench_cflags)"]
    },
    {
      "target_name": "bench-dhcp6-load",
      "type": "executable",
      "sources": ["native/bench/dhcp6-load.c"],
      "cflags": ["<@(bench_cflags)"]
    },
    {
      "target_name": "bench-dns-load",
      "type": "executable",
      "sources": ["native/bench/dns-load.c"],
      "cflags": ["<@(bench_cflags)"]
    },
    {
      "target_name": "bench-dns-upstream",
      "type": "executable",
      "sources": ["native/bench/dns-upstream.c"],
      "cflags": ["<@(bench_cflags)"]
    },
    {
      "target_name": "bench-forward-load",
      "type": "executable",
      "sources": ["native/bench/forward-load.c"],
      "cflags": ["<@(bench_cflags)", "-pthread"],
      "ldflags": ["-pthread"]
    },
    {
      "target_name": "bench-forward-reference",
      "type": "executable",
      "sources": ["native/bench/forward-reference.c"],
      "cflags": ["<@(bench_cflags)", "-pthread"],
      "ldflags": ["-pthread"]
    }
  ]
}
