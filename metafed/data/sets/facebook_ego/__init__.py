"""The data set facebook_ego: its reader, and what makes its file out of the publisher's."""
