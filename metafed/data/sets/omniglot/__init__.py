"""The data set omniglot: its reader, and what makes its file out of the publisher's."""
