"""The gateway process: the Robyn host of the Rust core. `host.run` is the way in; nothing else knows the core."""
