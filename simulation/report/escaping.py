"""Text as LaTeX prints it: in ASCII as far as there are commands, by any engine."""

import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", '"': "''",
    # after \\ a bracket begins an argument and a star is a part of the command
    "[": "{[}", "]": "{]}", "*": "{*}",
    "−": "$-$", "–": "--{}", "—": "---{}", "…": r"\ldots{}", "·": r"$\cdot$", "×": r"$\times$", "±": r"$\pm$",
    "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\rightarrow$", "∞": r"$\infty$", "°": r"$^\circ$", "µ": r"$\mu$",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}",
    "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}", "’": "'{}", "‘": r"\textasciigrave{}", "“": r"\textasciigrave{}"*2,
    "”": "''",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c",
}  # fmt: skip
"""Commands of accents by the sign that Unicode adds to a letter."""
COMMANDS = r"""
\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu
\nu \xi \pi \rho \sigma \tau \upsilon \varphi \chi \psi \omega
"""
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψω", COMMANDS.split(), strict=True))


def escape(text: str) -> str:
    """Write a text so that LaTeX prints it; a line break or another sign without a shape becomes a space."""
    signs = [sign if sign.isprintable() else " " for sign in text]
    # two of some signs are one: -- is a dash
    apart = [
        "{}" if sign in "-,'!?" and sign == after else "" for sign, after in zip(signs, [*signs[1:], ""], strict=True)
    ]
    return "".join(letter(sign) + space for sign, space in zip(signs, apart, strict=True))


def letter(sign: str) -> str:
    """Write one sign; one that there is no command of stays as it is."""
    if sign in SPECIAL or sign.isascii():
        return SPECIAL.get(sign, sign)
    if sign in GREEK:
        return f"${GREEK[sign]}$"
    base, *marks = list(unicodedata.normalize("NFD", sign))
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in ACCENTS:
        return rf"\{ACCENTS[marks[0]]}{{{base}}}"
    return sign


def beyond(text: str) -> str:
    """Return the signs of a LaTeX text that pdfLaTeX has no letters of."""
    return "".join(sorted({sign for sign in text if not sign.isascii()}))
