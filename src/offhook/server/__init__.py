"""The server: from a configuration to a running registrar, proxy and redirect server."""
