"""The tables of a page, as a reader sees them."""

from html.parser import HTMLParser


class Tables(HTMLParser):
    """Collects the rows of each table by its caption, as texts."""

    def __init__(self, page):
        super().__init__()
        self.found, self._rows, self._caption, self._into = {}, [], "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append("")
            self._into = "cell"
        elif tag == "caption":
            self._into = "caption"
        elif tag == "br" and self._into == "cell":
            self._rows[-1][-1] += " "

    def handle_endtag(self, tag):
        if tag in ("th", "td", "caption"):
            self._into = None
        elif tag == "table":
            self.found[" ".join(self._caption.split())] = [
                [" ".join(cell.split()).replace("−", "-") for cell in row] for row in self._rows
            ]

    def handle_data(self, data):
        if self._into == "cell":
            self._rows[-1][-1] += data
        elif self._into == "caption":
            self._caption += data


def tables(page):
    """Return the rows of each table by its caption; a minus is a hyphen."""
    return Tables(page).found
