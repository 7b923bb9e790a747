"""The families, one a file. A new one is a ``Family`` in a file of its own and a line in ``FAMILIES``."""

from metafed.data.family import Family
from metafed.families.assets import ASSETS
from metafed.families.assistant import ASSISTANT
from metafed.families.avatar import AVATAR
from metafed.families.blobs import BLOB_IMAGES, BLOBS
from metafed.families.environment import ENVIRONMENT
from metafed.families.miniimagenet import MINIIMAGENET
from metafed.families.omniglot import OMNIGLOT
from metafed.families.personalization import PERSONALIZATION
from metafed.families.sinusoid import SINUSOID
from metafed.families.social import SOCIAL

FAMILIES: dict[str, Family] = {
    "personalization": PERSONALIZATION,
    "assistant": ASSISTANT,
    "avatar": AVATAR,
    "environment": ENVIRONMENT,
    "assets": ASSETS,
    "social": SOCIAL,
    "sinusoid": SINUSOID,
    "omniglot": OMNIGLOT,
    "miniimagenet": MINIIMAGENET,
    "blobs": BLOBS,
    "blob-images": BLOB_IMAGES,
}
