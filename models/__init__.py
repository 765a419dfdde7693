"""What a model file is: errors, manifest, catalogue, and the shipped files themselves."""
