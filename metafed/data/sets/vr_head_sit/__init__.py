"""The data set vr_head_sit: its reader, and what makes its file out of the publisher's."""
