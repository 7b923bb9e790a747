"""The families, one a file. A new one is a ``Family`` in a file of its own and a line in ``FAMILIES``."""

from metafed.families.assistant import ASSISTANT
from metafed.families.avatar import AVATAR
from metafed.families.base import Family
from metafed.families.personalization import PERSONALIZATION

FAMILIES: dict[str, Family] = {family.name: family for family in (PERSONALIZATION, ASSISTANT, AVATAR)}
