"""The data set banking77: its reader, and what makes its file out of the publisher's."""
