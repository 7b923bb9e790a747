"""The Flower ClientApp: message → host → reply."""
