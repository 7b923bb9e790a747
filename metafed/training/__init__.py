"""How a client trains on its rows: epochs, minibatches, an optimizer and a schedule."""
