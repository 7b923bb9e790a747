"""A leaderboard of methods: the same tuning budget for all, then fresh seeds."""
