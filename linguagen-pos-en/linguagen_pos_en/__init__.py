"""The file of the tagger `linguagen-pos-en`; `linguagen.runtime.Tagger` finds it by this name."""
