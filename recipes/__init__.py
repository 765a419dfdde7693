"""What makes the shipped models: corpus, teacher and settings."""
