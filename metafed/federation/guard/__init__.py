"""The guard: looks at data and draws before a run, for what would make its numbers mean something else."""
