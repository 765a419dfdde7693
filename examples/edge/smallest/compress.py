"""Compress a .npy file of vectors: python compress.py vectors.npy small.npy."""

import sys

import numpy as np

from linguagen.runtime import Compressor

np.save(sys.argv[2], Compressor.load().compress(np.load(sys.argv[1])))
