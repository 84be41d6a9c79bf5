"""What the location service and the accounts share to keep their data on disk."""
