"""Offhook: the SIP platform for Python."""
