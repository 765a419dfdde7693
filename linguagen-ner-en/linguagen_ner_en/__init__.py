"""The file of the tagger `linguagen-ner-en`; `linguagen.runtime.Tagger` finds it by this name."""
