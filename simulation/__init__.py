"""The command line, the engines and the reports."""
