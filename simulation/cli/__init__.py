"""The command line: flags, the screen, errors."""
