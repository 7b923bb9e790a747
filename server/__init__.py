"""The Flower ServerApp: cohort, ordered sum, objective, outer step, record."""
