"""How a net is trained: rows in batches, devices, seeds, optimisers, checkpoints, processes."""
