"""Files in: every form that people hold vectors and texts in."""
