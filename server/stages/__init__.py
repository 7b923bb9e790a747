"""What happens to a round between sampling and the outer step."""
