"""The engines: ways to run the same two apps, each a ``flwr.serverapp.Grid``."""
