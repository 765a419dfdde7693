"""What every encoder is made of."""
