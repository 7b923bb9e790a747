"""The data set clinc150: its reader, and what makes its file out of the publisher's."""
