"""What every kind of training run shares: settings, command, folder, processes, the training step and its loop."""
