"""A pretrained encoder with an adapter and a head: ``--network text-encoder``. θ is adapter and head."""

from typing import Any, final

import torch
from torch import nn

from metafed.core.errors import DataError
from metafed.data.encoder.adapter import Adapter
from metafed.data.encoder.loading import model
from metafed.data.encoder.texts import Reader
from metafed.data.encoder.weights import REMEDY, Weights
from metafed.models.inputs import TEXT, Inputs

PLAIN = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "eager"}
"""How a model is made that is differentiated twice."""
SMALLEST = 1e-12
"""Added to a squared length, which is 0 for a text of padding alone."""
SETTINGS = ("adapter", "rank", "layers", "tokens")
TARGETS = ("query", "value")
"""What LoRA adapts of a layer."""


@final
class TextEncoder(nn.Module):
    """The adapted last layers of an encoder, the mean of their states, scaled to √width, and a linear head.

    Rows are what the frozen layers below make of a text, by ``reader``.

    Args:
        inputs: What the reader's rows are.
        outputs: Classes, or numbers to predict.
        reader: Made the rows.
    """

    inputs = TEXT
    skips_padding = True

    @staticmethod
    def reader(weights: Weights, **settings: Any) -> Reader:
        """Return what makes rows of texts for this network.

        Raises:
            ValueError: The encoder cannot have such an adapter.
        """
        if strange := settings.keys() - SETTINGS:
            raise ValueError(f"--network.{min(strange)}: text-encoder takes {', '.join(SETTINGS)}")
        return Reader(weights, Adapter.of(weights, **settings))

    def __init__(self, inputs: Inputs, outputs: int, reader: Reader) -> None:
        super().__init__()
        self.weights, self.adapter = reader.weights, reader.adapter
        if self.adapter.kind != "none":
            self._adapt()
        self.head = nn.Linear(self.weights.width, outputs)
        config = self.weights.config
        self.in_full = numbers(config) + self.head.weight.numel() + self.head.bias.numel()

    def _adapt(self) -> None:
        whole = model(self.weights, **PLAIN).requires_grad_(False)
        self.encoder, kind = whole.encoder, self.adapter.kind
        self.encoder.layer = self.encoder.layer[self.adapter.frozen :]
        if kind == "lora":
            self.encoder = lora(self.encoder, self.adapter)
        elif kind == "full":
            self.encoder.requires_grad_(True)
        elif kind == "bitfit":
            for name, value in self.encoder.named_parameters():
                value.requires_grad_(name.endswith(".bias"))
        else:
            self.embeddings = whole.embeddings
            words = self.embeddings.word_embeddings.weight
            # words of the vocabulary, as Lester et al. begin; their table itself is the reader's
            self.prompt = nn.Parameter(words[torch.randint(len(words), (self.adapter.rank,))].clone())
            del self.embeddings.word_embeddings

    def forward(self, x: "torch.Tensor") -> "torch.Tensor":
        """Return the outputs ``(N, outputs)`` of rows ``(N, tokens, width + 1)``, or of vectors ``(N, width)``."""
        if self.adapter.kind == "none":
            return self.head(x)  # type: ignore[no-any-return]
        states, there = x[..., :-1], x[..., -1:]
        seen = there
        if self.adapter.kind == "prompt":
            states, seen = self._prompted(states, there)
        hidden = (1 - seen).mT.unsqueeze(1) * torch.finfo(x.dtype).min
        states = self.encoder(states, attention_mask=hidden).last_hidden_state[:, -there.shape[1] :]
        mean = (states * there).sum(1) / there.sum(1).clamp(min=1)
        length = (mean.square().sum(1, keepdim=True) + SMALLEST).sqrt()
        return self.head(self.weights.width**0.5 * mean / length)  # type: ignore[no-any-return]

    def _prompted(self, words: "torch.Tensor", there: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the embeddings of the prompt and a text's words, and which of them are real."""
        prompt = self.prompt.expand(len(words), *self.prompt.shape)
        seen = torch.cat([there.new_ones(len(words), self.adapter.rank, 1), there], 1)
        places = (seen.squeeze(-1).cumsum(1) - 1).long()
        whole = torch.cat([prompt, words], 1)
        return self.embeddings(inputs_embeds=whole, position_ids=places, token_type_ids=torch.zeros_like(places)), seen


def lora(layers: nn.Module, adapter: Adapter) -> nn.Module:
    """Return layers with LoRA injected, whose parameters alone are trained.

    Raises:
        DataError: peft is not installed.
    """
    try:
        from peft import inject_adapter_in_model
    except ImportError:
        raise DataError(f"LoRA needs the package peft: {REMEDY}") from None
    return inject_adapter_in_model(configuration(adapter), layers)


def configuration(adapter: Adapter, **also: Any) -> Any:
    """Return LoRA's configuration for peft: a scale of 1, without dropout."""
    from peft import LoraConfig

    return LoraConfig(r=adapter.rank, lora_alpha=adapter.rank, target_modules=list(TARGETS), **also)


def numbers(config: dict[str, Any]) -> int:
    """Return how many parameters a BERT of this configuration has without its pooler."""
    from transformers import BertConfig, BertModel

    with torch.device("meta"):
        whole = BertModel(BertConfig(**config), add_pooling_layer=False)
    return sum(value.numel() for value in whole.parameters())
