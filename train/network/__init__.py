"""What every encoder is made of: blocks, losses, linear maps."""
