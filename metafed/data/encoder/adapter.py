"""What of a sentence encoder is trained: settings of ``--network text-encoder``, checked against the encoder."""

from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, cast, final, get_args

from metafed.core.names import known
from metafed.data.encoder.weights import Weights

Kind: TypeAlias = Literal["none", "lora", "prompt", "bitfit", "full"]

RANK = 4
LAYERS = 2
TOKENS = 32
RANKED = ("lora", "prompt")
DEEP = ("lora", "bitfit", "full")


@final
@dataclass(frozen=True)
class Adapter:
    """An adapter of an encoder.

    Attributes:
        kind: ``none``: only the head is trained; ``lora``: Hu et al., ICLR 2022, of queries and values; ``prompt``:
            Lester et al., EMNLP 2021; ``bitfit``: biases, Ben Zaken et al., ACL 2022; ``full``: all weights of the
            last layers, which adapters are compared with.
        rank: Of LoRA's matrices; of a prompt its tokens; else 0.
        frozen: Layers below the first that is trained.
        depth: Layers of the encoder.
        tokens: Tokens of a text that are read, at most.
    """

    kind: Kind
    rank: int
    frozen: int
    depth: int
    tokens: int

    @classmethod
    def of(
        cls, weights: Weights, adapter: str = "lora", rank: Any = None, layers: Any = None, tokens: Any = None
    ) -> Self:
        """Return the adapter that settings describe.

        Args:
            weights: The encoder.
            adapter: Its kind.
            rank: Of LoRA's matrices, or tokens of a prompt; default 4.
            layers: How many last layers are adapted; default 2, or all that there are.
            tokens: Tokens of a text that are read, at most; default 32.

        Raises:
            ValueError: The encoder cannot have it; the message says why.
        """
        config = weights.config
        if config.get("model_type") != "bert":
            raise ValueError(
                f"{weights.folder} holds a model of type {config.get('model_type')!r}; text-encoder adapts those of"
                " type 'bert'"
            )
        if config.get("pad_token_id", 0) != 0:
            raise ValueError(f"{weights.folder}: pad_token_id is {config['pad_token_id']!r}, not 0")
        known("adapter", adapter, dict.fromkeys(get_args(Kind)))
        depth, places = config.get("num_hidden_layers"), config.get("max_position_embeddings")
        if not isinstance(depth, int) or depth < 1 or not isinstance(places, int):
            raise ValueError(f"{weights.folder}: num_hidden_layers in config.json is {depth!r}")
        for name, value, kinds in (("rank", rank, RANKED), ("layers", layers, DEEP)):
            if value is not None and adapter not in kinds:
                raise ValueError(f"--network.{name} {value} does nothing: adapter {adapter} has no {name}")
        if adapter == "none" and tokens is not None:
            raise ValueError(f"--network.tokens {tokens} does nothing: adapter none reads all that the encoder does")
        longest = weights.longest
        read = _check("tokens", min(TOKENS, longest) if tokens is None else tokens, longest, "what the encoder reads")
        rank = _check("rank", RANK if rank is None else rank, weights.width, "the encoder's width")
        if adapter == "prompt" and read + rank > places:
            raise ValueError(
                f"--network.rank {rank}: texts of {read} tokens do not leave the encoder places for a prompt: fewer"
                " --network.tokens"
            )
        if adapter in DEEP:
            adapted = _check("layers", min(LAYERS, depth) if layers is None else layers, depth, "the encoder's layers")
        else:
            adapted = depth if adapter == "prompt" else 0
        return cls(cast(Kind, adapter), rank if adapter in RANKED else 0, depth - adapted, depth, read)


def _check(name: str, value: Any, most: int, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ValueError(f"--network.{name} {value}: choose a whole number from 1 to {most}, {what}")
    return value
