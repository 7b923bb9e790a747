"""Files of data: bounds, copies, originals, and what is kept of them."""
