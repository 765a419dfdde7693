"""What a model file says about itself: one manifest a kind, read and written here only."""
