"""What a chunk's time goes to, from the self times of torch.profiler."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

DRAWING, OWN, REST, WHOLE = "drawing", "our kernels", "Python and dispatch", "benchmarks/whole"

PATTERNS = {
    "matrix products": r"aten::_?(mm|addmm|bmm|baddbmm|addbmm|mv|addmv|dot|linear)$",
    "convolution": r"aten::.*conv|mkldnn::.*conv",
    "normalisation and pooling": r"aten::.*(_norm|pool)",
    # these make or describe a tensor and touch no numbers
    REST: r"aten::(empty|as_strided|view|_unsafe_view|reshape|_reshape_alias|expand|transpose|t$|numpy_T|permute"
    r"|unsqueeze|squeeze|select|slice|narrow|split|unbind|detach|alias|unflatten|flatten|resize|result_type|item"
    r"|_local_scalar_dense|resolve|lift|is_nonzero|set_|to$|contiguous$|matmul$|new_|_has_same_storage)",
    "elementwise": r"aten::",
}
"""Which operation is of what kind; the first that fits. Reductions and copies go with what is elementwise."""

KINDS = ("matrix products", "convolution", "normalisation and pooling", "elementwise", OWN, DRAWING, REST)


def kind_of(name: str) -> str:
    """Return the kind of an operation by its name in the profile."""
    if name in (OWN, DRAWING):
        return name
    return next((kind for kind, pattern in PATTERNS.items() if re.match(pattern, name)), REST)


def mark_kernels() -> None:
    """Have calls of ``metafed.native``'s kernels show in profiles; call it before one of them has run.

    Raises:
        RuntimeError: One has run: whoever keeps it would go on calling it unmarked.
    """
    from metafed.native.library import library, sources

    for source in sources():
        loaded = library(source.stem)
        plain = loaded._FuncPtr
        if getattr(plain, "marked", False):
            continue
        if any(isinstance(value, plain) for value in vars(loaded).values()):
            raise RuntimeError(f"a kernel of {source.name} has run before it was marked")

        class Marked(plain):
            _flags_, _restype_ = plain._flags_, plain._restype_
            marked = True

            def __call__(self, *arguments: Any) -> Any:
                # a mark takes longer than a small kernel: none where nobody looks
                if not torch.autograd._profiler_enabled():
                    return super().__call__(*arguments)
                with record_function(OWN):
                    return super().__call__(*arguments)

        loaded._FuncPtr = Marked


def drawn(work: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``work``, marked in profiles as drawing."""

    def marked(*arguments: Any) -> Any:
        with record_function(DRAWING):
            return work(*arguments)

    return marked


def shares(work: Callable[[], Any]) -> dict[str, float]:
    """Do ``work`` under the profiler and return each kind's share of the time; they add up to 1.

    What is not in an operation, and what PyTorch's autograd does between two, is Python and dispatch. The
    profiler itself takes a little time at every operation, which counts there.
    """
    for _ in range(2):  # the first profile of a process is slow
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled, record_function(WHOLE):
            work()
    events = profiled.events()
    whole = sum(event.cpu_time_total for event in events if event.name == WHOLE)
    spent = dict.fromkeys(KINDS, 0.0)
    for event in events:
        if event.name == WHOLE:
            continue
        kind = DRAWING if inside(event, DRAWING) else kind_of(event.name)
        if kind != REST:
            spent[kind] += event.self_cpu_time_total
    spent[REST] = whole - sum(spent.values())
    return {kind: time / whole for kind, time in spent.items()}


def inside(event: Any, name: str) -> bool:
    """Say whether an event is called ``name``, or lies in one that is."""
    while event is not None:
        if event.name == name:
            return True
        event = event.cpu_parent
    return False
