"""What every kind of training run shares: folder, settings, steps, processes."""
