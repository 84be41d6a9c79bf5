"""What was said: messages shown to people."""
