"""How Sphinx builds the documentation. The pure install is what it reads."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tools import state_tables

state_tables.write()

with (Path(__file__).parent.parent / "pyproject.toml").open("rb") as file:
    _project = tomllib.load(file)["project"]

project = "Offhook"
author = "the Offhook authors"
copyright = "the Offhook authors"
release = version = _project["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False

html_theme = "furo"
html_title = f"Offhook {release}"
html_show_copyright = False
