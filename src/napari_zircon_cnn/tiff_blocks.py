"""A TIFF page's strips or tiles, decoded one by one on all cores: for images too large for memory."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_zircon_cnn.progress import Progress, silent

_LARGEST_BLOCK_BYTES = 2**26
_READ_BYTES = 2**24
_WORKERS = min(os.cpu_count() or 1, 8)

Region = tuple[slice, slice]
T = TypeVar("T")


def has_blocks(page: tifffile.TiffPage, shape: tuple[int, ...]) -> bool:
    """Tell whether an image can be read block by block.

    Parameters
    ----------
    page
        The page that holds it.
    shape
        Rows, columns and perhaps channels of the image.

    Returns
    -------
    bool
        Whether the page is that image and no more, and its blocks are small and hold all channels.
    """
    rows, columns, channels = (*shape, 1)[:3]
    height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, columns)
    n_bytes = min(height, rows) * width * channels * np.dtype(page.dtype).itemsize
    return page.shaped == (1, 1, rows, columns, channels) and n_bytes <= _LARGEST_BLOCK_BYTES


def each_block(
    page: tifffile.TiffPage,
    work: Callable[[NDArray[Any], Region], T],
    progress: Progress = silent,
) -> Iterator[T]:
    """Decode a page block by block and do some work on each.

    Parameters
    ----------
    page
        The page, of an open file; `has_blocks` holds.
    work
        Called as ``work(pixels, region)`` in several threads at once, in no order, with a block's
        pixels, shape (rows, columns, channels), and where they lie in the image.
    progress
        Told of the share of the blocks that is done; may raise `Cancelled`.

    Yields
    ------
    object
        What the work returned for each block.

    Raises
    ------
    ValueError
        Where the file ends before its last block. The decoders raise errors of their own.
    """
    rows, columns = page.shaped[2:4]
    file = page.parent.filehandle
    n_blocks = int(np.prod(page.chunked))
    ends = [offset + n_bytes for offset, n_bytes in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if len(ends) != n_blocks or max(ends, default=0) > file.size:
        raise ValueError(f"it has {file.size} bytes, less than its {n_blocks} parts need")
    encoded_blocks: Any = file.read_segments(
        page.dataoffsets, page.databytecounts, length=n_blocks, sort=True, buffersize=_READ_BYTES
    )
    tables: dict[str, Any] = {}
    if page.compression in {6, 7, 34892, 33007}:
        # Of JPEG's tables there may be one set for all blocks.
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}

    def decoded(encoded: bytes | None, number: int) -> T:
        pixels, (_, _, top, left, _), (_, height, width, channels) = page.decode(
            encoded, number, _fullsize=False, **tables
        )
        region = (slice(top, min(top + height, rows)), slice(left, min(left + width, columns)))
        if pixels is None:
            pixels = np.full((1, height, width, channels), page.nodata, page.dtype)
        return work(pixels[0, : region[0].stop - top, : region[1].stop - left], region)

    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            for n, (encoded, number) in enumerate(encoded_blocks):
                waiting.append(pool.submit(decoded, encoded, number))
                progress(n / n_blocks, f"read {100 * n // n_blocks}%")
                if len(waiting) > 2 * _WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
    progress(1.0, "read")
