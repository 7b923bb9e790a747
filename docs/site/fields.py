"""The reference shows settings as a user gives them: default and description, not the call that declares a field."""

import importlib
from typing import Any

from griffe import Class, Docstring, Extension


class Fields(Extension):
    """Reads the fields of settings from the classes themselves."""

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Give each field its description as docstring, and its default as value."""
        kind = getattr(importlib.import_module(cls.module.path), cls.name, None)
        for name, field in getattr(kind, "model_fields", {}).items():
            if name in cls.members and cls.members[name].is_attribute:
                own = cls.members[name]
                own.value = None if field.is_required() else repr(field.get_default(call_default_factory=True))
                if field.description and own.docstring is None:
                    plain = field.description.replace("[", "\\[")  # `[:rows=PART]` is no link
                    own.docstring = Docstring(plain, parent=own)
