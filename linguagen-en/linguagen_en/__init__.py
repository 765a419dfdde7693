"""The file of the text model `linguagen-en`; `linguagen.runtime.TextEncoder` finds it by this name."""
