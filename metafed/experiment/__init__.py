"""What is computed, as plain settings, and the rules between them."""
