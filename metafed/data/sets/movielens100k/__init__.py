"""The data set movielens100k: its reader, and what makes its file out of the publisher's."""
