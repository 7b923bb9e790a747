"""Worlds with personal physics, in which a policy acts: vectorised over clients and trajectories, in plain torch."""
