"""Published data sets, a folder each: a reader, and what makes its file out of the publisher's."""
