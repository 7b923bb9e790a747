"""The same app as separate processes: certificates, keys, processes, and the client of Flower's Control API."""
