"""The fastest matrix product that this machine was seen to do: what a processor's share of the peak refers to."""

import time
from collections.abc import Callable

import torch

SIZES = (512, 1024, 2048)
TRIES = 5

Product = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def products() -> dict[str, Product]:
    """Return the ways to multiply: PyTorch's own BLAS, and oneDNN where PyTorch has it.

    Which is faster depends on the processor: MKL takes its slower path on processors that are not Intel's.
    """
    ways: dict[str, Product] = {"BLAS": lambda a, b: a @ b}
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        linear = torch.ops.mkldnn._linear_pointwise
        ways["oneDNN"] = lambda a, b: linear(a, b.T, None, "none", [], "")
    return ways


def speed(product: Product, size: int, tries: int) -> float:
    """Return the best of ``tries``, in floating-point operations a second, of square float32 matrices.

    Raises:
        ArithmeticError: The product is wrong.
    """
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(size, size, generator=draw) for _ in range(2))
    b = b.T.contiguous().T  # stored as the weight of a linear layer is
    if not torch.allclose(product(a, b)[0], (a[0].double() @ b.double()).float(), rtol=1e-3, atol=1e-3 * size**0.5):
        raise ArithmeticError(f"the product of two {size} × {size} matrices is wrong")
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        product(a, b)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def peaks(threads: int, sizes: tuple[int, ...] = SIZES, tries: int = TRIES) -> dict[str, float]:
    """Return each way's best speed over ``sizes`` on so many threads; the threads are set back to what they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return {name: max(speed(way, size, tries) for size in sizes) for name, way in products().items()}
    finally:
        torch.set_num_threads(before)
