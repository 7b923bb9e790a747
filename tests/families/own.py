"""The family of a user's own table, where cases that are kept outside of this repository look for it."""

from tests.metafed.data.table.own import source as source
