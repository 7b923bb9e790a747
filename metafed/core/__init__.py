"""The ground that everything stands on: parameters, random streams and episodes."""
