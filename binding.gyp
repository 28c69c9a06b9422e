{
  "targets": [
    {
      "target_name": "tapnet",
      "sources": [
        "native/addon.cc",
        "native/environment.cc",
        "native/netlink_channel.cc",
        "native/netlink_parse.cc",
        "native/netlink_socket.cc",
        "native/watcher.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20"]
    }
  ]
}
