"""The outside: sockets, names and certificates, and the driver that ties the engine to them."""
