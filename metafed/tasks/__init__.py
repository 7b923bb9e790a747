"""What an algorithm sees of a client: a network, a loss and a score; for control, acting in a world."""
