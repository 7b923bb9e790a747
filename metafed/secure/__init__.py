"""Secure aggregation: the server learns the sum of what clients say, and nothing of one of them.

Bonawitz, Ivanov, Kreuter, Marcedone, McMahan, Patel, Ramage, Segal, Seth, "Practical Secure Aggregation for
Privacy-Preserving Machine Learning", CCS 2017, figure 4, without the parts against an active server.
"""
