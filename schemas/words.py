"""Eight bytes a step in compiled loops: as one unsigned number, the first byte lowest, as Arrow lays out its views."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from schemas.compiled import compiled

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
WORD = 8  # bytes
U32 = np.uint64(32)  # numba makes a float of signed and unsigned


@intrinsic
def whole(_typing: Any, buffer: Any, at: Any) -> Any:
    """The eight bytes from a place on, all inside the buffer: one load, wherever it lies."""

    def load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, context.get_value_type(types.uint64).as_pointer()), align=1)

    return types.uint64(buffer, types.int64), load


@compiled
def word(buffer: Bytes, at: int, count: int) -> np.uint64:
    """Up to eight bytes from a place on, zeros behind them."""
    if count <= 0:
        return np.uint64(0)
    if at + WORD <= len(buffer):
        found = np.uint64(whole(buffer, at))  # pyright: ignore
        return found if count >= WORD else found & ((np.uint64(1) << np.uint64(8 * count)) - np.uint64(1))
    found = np.uint64(0)
    for place in range(min(count, WORD)):
        found |= np.uint64(buffer[at + place]) << np.uint64(8 * place)
    return found


@intrinsic
def put(_typing: Any, buffer: Any, at: Any, word: Any) -> Any:
    """Write eight bytes to a place on, all inside the buffer."""

    def store(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, arguments[2].type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(buffer, types.int64, types.uint64), store


@compiled
def copy(data: Bytes, begin: int, end: int, out: Bytes, at: int) -> int:
    """data[begin:end] to a place on, where there is room for it; where it ends."""
    while end - begin >= WORD:
        put(out, at, whole(data, begin))  # pyright: ignore
        begin += WORD
        at += WORD
    for place in range(begin, end):
        out[at + place - begin] = data[place]
    return at + end - begin
