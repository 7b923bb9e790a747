"""The server's side of the protocol: the sum of masked inputs, and the masks that do not cancel taken away."""

from collections.abc import Iterable, Mapping, Sequence

from metafed.secure.keys import SECRET, agreed, expanded, public
from metafed.secure.party import Keys, mask_seed, place, question
from metafed.secure.ring import Ring, added
from metafed.secure.shamir import joined


class TooFew(RuntimeError):
    """Too few clients are left to take the masks away: the round's sum is lost."""


def unmasked(
    masked: Sequence[Ring],
    everybody: Mapping[int, Keys],
    threshold: int,
    sharing: Iterable[int],
    left: Iterable[int],
    shares: Mapping[int, Mapping[int, int]],
    server_round: int,
) -> Ring:
    """Return the sum of the inputs of the clients that are left.

    Args:
        masked: Masked inputs, or sums of some of them; together of each client that is left, once.
        everybody: All keys.
        threshold: How many shares give a secret back.
        sharing: The clients whose shares arrived.
        left: Those of them whose masked input arrived.
        shares: What each client that answered the last question sent: a share of each client's secret.
        server_round: The round.

    Raises:
        TooFew: Fewer than ``threshold`` answered, or their shares are not of one secret.
    """
    there, remaining = set(sharing), set(left)
    if len(shares) < threshold:
        raise TooFew(f"{len(shares)} clients answered to the end, {threshold} are needed")
    total = added(masked)
    about = question(everybody, threshold, there, server_round)
    answering = sorted(shares)[:threshold]
    for client in sorted(there):
        try:
            secret = joined({place(other): shares[other][client] for other in answering}).to_bytes(SECRET, "big")
        except (KeyError, OverflowError):
            raise TooFew(f"the shares of client {client}'s secret do not fit together") from None
        if client in remaining:
            total = total - expanded(mask_seed(secret, about), len(total))
            continue
        if public(secret) != everybody[client].masks:
            raise TooFew(f"the shares of client {client}'s mask key do not fit together")
        for other in sorted(remaining):
            # the other's mask with the lost client, which nobody cancels: added by the smaller of the two
            pair = agreed(secret, everybody[other].masks, "mask")
            mask = expanded(mask_seed(pair, about), len(total))
            total = total - mask if other < client else total + mask
    return total
