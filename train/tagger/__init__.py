"""The tagger: labels for the words of sentences."""
