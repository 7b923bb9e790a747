"""``python -m simulation.report``: one HTML file of one run or several."""
