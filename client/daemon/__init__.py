"""The process that stays at a node, and how it is asked."""
