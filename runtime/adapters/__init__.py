"""What connects the encoders to other frameworks: LangChain, LlamaIndex and sentence-transformers, each an extra."""
