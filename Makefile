.PHONY: env lint
