"""The data set miniimagenet: its reader, and what makes its file out of the publisher's."""
