"""The figures and lists of a report: each is made once, as numbers, and drawn for a page, a paper or a spreadsheet."""
