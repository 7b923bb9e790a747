"""What runs: one experiment, a study, a sweep."""
