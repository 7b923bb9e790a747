"""An adapter as ``peft`` saves one, or a whole encoder where its layers were trained: plain transformers loads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metafed.data.encoder.adapter import Adapter
from metafed.data.encoder.loading import model
from metafed.data.encoder.network import TARGETS, TextEncoder, configuration

if TYPE_CHECKING:
    import torch

HEAD = "head.safetensors"
"""File of the head beside the adapter: weight ``(outputs, width)`` and bias, of √width times the normalised mean."""


def export(network: TextEncoder, values: "Mapping[str, torch.Tensor]", folder: Path) -> None:
    """Write an adapter and its head into a folder.

    Args:
        network: Whose adapter it is; not that of a head alone.
        values: Parameters by path in the network.
        folder: Made where there is none.

    Raises:
        OSError: It cannot be written.
        DataError: The encoder is not there any more.
    """
    from safetensors.torch import save_file

    adapter, whole = network.adapter, model(network.weights)
    if adapter.kind != "full":
        from peft import get_peft_model

        whole = get_peft_model(whole, _configuration(adapter))
    if adapter.kind == "prompt":
        whole.prompt_encoder["default"].embedding.weight.data = values["prompt"].float()
    else:
        own = {_place(path, adapter): value for path, value in values.items() if path.startswith("encoder.")}
        strange = whole.load_state_dict(own, strict=False).unexpected_keys
        assert not strange, f"there is no place for {strange}"
    whole.save_pretrained(folder)
    head = {name: values[f"head.{name}"].contiguous() for name in ("weight", "bias")}
    save_file(head, folder / HEAD)


def _configuration(adapter: Adapter) -> Any:
    from peft import LoraConfig, PromptTuningConfig, TaskType

    adapted = list(range(adapter.frozen, adapter.depth))
    if adapter.kind == "prompt":
        return PromptTuningConfig(task_type=TaskType.FEATURE_EXTRACTION, num_virtual_tokens=adapter.rank)
    if adapter.kind == "lora":
        return configuration(adapter, layers_to_transform=adapted)
    # peft has no BitFit of its own: biases travel with a LoRA that adds nothing
    return LoraConfig(r=1, target_modules=list(TARGETS), bias="all", layers_to_transform=adapted)


def _place(path: str, adapter: Adapter) -> str:
    """Return where peft has a parameter of the network, or where the encoder itself has it."""
    _, _, number, rest = path.split(".", 3)
    if adapter.kind == "bitfit" and rest.split(".")[-2] in TARGETS:
        rest = rest.replace(".bias", ".base_layer.bias")
    wrapped = "" if adapter.kind == "full" else "base_model.model."
    return f"{wrapped}encoder.layer.{int(number) + adapter.frozen}.{rest}"
