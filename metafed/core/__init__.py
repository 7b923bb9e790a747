"""The ground that everything stands on: parameters, random streams, episodes, and what a source of clients is."""
