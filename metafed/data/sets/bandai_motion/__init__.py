"""The data set bandai_motion: its reader, and what makes its file out of the publisher's."""
