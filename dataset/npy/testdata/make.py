#!/usr/bin/env python3
"""Writes golden.npz and the lone .npy files beside it: what NumPy writes must be read."""
import numpy as np

a = np.arange(24).reshape(2, 3, 4)
arrays = {}
for d in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8".split():
    arrays[d] = a.astype(d)
    arrays[d + "_fortran"] = np.asfortranarray(a.astype(d))
    arrays[d + "_big"] = a.astype(">" + d)
arrays["b1"] = a % 3 == 0
arrays["b1_fortran"] = np.asfortranarray(a % 3 == 0)
arrays["scalar"] = np.float32(7)
arrays["empty"] = np.zeros((0, 5), "f4")
arrays["vector"] = np.arange(5, dtype="i8")
np.savez_compressed("golden.npz", **arrays)
np.save("object.npy", np.array([None]), allow_pickle=True)
np.save("struct.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
with open("v2.npy", "wb") as f:
    np.lib.format.write_array(f, a.astype("f4"), version=(2, 0))
