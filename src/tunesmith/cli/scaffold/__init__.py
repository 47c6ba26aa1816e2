"""What ``tunesmith init`` finds out about a program: its options, and ranges to begin with."""
