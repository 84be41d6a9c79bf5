"""What users test their own programs with: a virtual network and clock."""
