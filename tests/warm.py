"""What forked processes need not do each: compile the templates of pages, and look for fonts."""

from simulation.report.drawing.paint import wide
from simulation.report.pages import templates

for name in templates().list_templates():
    templates().get_template(name)
wide("words", "tick")
