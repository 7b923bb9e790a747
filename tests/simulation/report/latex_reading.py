"""A reader of the LaTeX that ``simulation.export`` writes: it refuses what pdfLaTeX would."""

import re

WORDS = r"""
\begin \end \toprule \midrule \bottomrule \addlinespace \multicolumn \textit \textbf \small \scriptsize \footnotesize
\shortstack \setlength \tabcolsep \textbackslash \textasciitilde \textasciicircum \textless \textgreater \textbar
\textasciigrave \ldots \cdot \times \pm \leq \geq \rightarrow \infty \circ \ss \ae \AE \oe \OE \o \O \l \L \i
\alpha \beta \gamma \delta \varepsilon \zeta \eta \theta \iota \kappa \lambda \mu \nu \xi \pi \rho \sigma \tau
\upsilon \varphi \chi \psi \omega \u \r \H \v \d \c \& \% \$ \# \_ \{ \} \\ \` \' \^ \~ \= \. \"
"""
MACROS = set(WORDS.split())
TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|%[^\n]*\n|[^\\]", re.DOTALL)
MATH = re.compile(r"\\(?:alpha|beta|gamma|delta|varepsilon|theta|lambda|mu|cdot|times|pm|leq|geq|rightarrow|infty)$")


def check(text, engine="pdflatex"):
    """Fail where a file would not compile, and return the cells of each row, as LaTeX."""
    assert engine != "pdflatex" or re.sub(r"(?m)^%.*$", "", text).isascii()
    depth, math, environments, rows, after_row = 0, False, [], [[""]], False
    tokens = TOKEN.findall(text)
    for index, token in enumerate(tokens):
        if token.startswith("%"):
            continue
        if token.startswith("\\"):
            assert token in MACROS, token
            assert not MATH.match(token) or math, f"{token} outside mathematics"
        assert not (after_row and token in "[*"), "a row begins with an argument of the command before it"
        after_row = after_row and token.isspace()
        if token in ("\\begin", "\\end"):
            name = re.match(r"\{(\w+)\}", "".join(tokens[index + 1 : index + 20]))[1]
            environments.append(name) if token == "\\begin" else None
            assert token == "\\begin" or environments.pop() == name
        if token == "$":
            math = not math
        elif token in "{}":
            depth += 1 if token == "{" else -1
            assert depth >= 0
        assert token not in '#_^~<>|"' or math or token == "~", f"{token} is not escaped"
        if token == "\\\\":
            after_row = True
            if depth <= 1 and environments:  # not of a \shortstack
                rows.append([""])
                continue
        if token == "&":
            rows[-1].append("")
        else:
            rows[-1][-1] += token
    assert (depth, math, environments) == (0, False, [])
    columns = len(re.sub(r"@\{\}", "", re.search(r"\\begin\{tabular\}\{((?:@\{\}|\w)+)\}", text)[1]))
    body = rows[:-1]
    for row in body:
        wide = re.search(r"\\multicolumn\{(\d+)\}", row[0])
        assert len(row) + (int(wide[1]) - 1 if wide else 0) == columns, row
    return body
