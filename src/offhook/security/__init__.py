"""Security: who is speaking (digest, certificates, signatures) and what must not be seen."""
