"""What follows from an experiment: who is in it, with which data, in which chunks."""
