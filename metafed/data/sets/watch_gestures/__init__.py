"""The data set watch_gestures: its reader, and what makes its file out of the publisher's."""
