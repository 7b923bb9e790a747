"""The data set crypto_prices: its reader, and what makes its file out of the publisher's."""
