"""What the Makefile calls: setting up, testing and releasing Offhook. Standard library only; no part of the package."""
