"""Everything at once: all ops, layers and optimizers of minigrad, and the ops of others."""
