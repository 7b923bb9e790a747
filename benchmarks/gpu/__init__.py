"""``python -m benchmarks.gpu``: all that a card is needed for, in one command of less than nine minutes."""
