"""Accounts: who may use the server, and what their passwords are known by."""
