"""Text models of LinguaGEN; `linguagen.runtime.TextEncoder` finds them by name."""
