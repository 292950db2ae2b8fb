"""Configuration of the documentation site: ``make docs`` builds it with Sphinx."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT))

from docs.site import (  # noqa: E402
    REPOSITORY,
    VERSION,
    WrittenPictures,
    executed,
    gallery_scripts,
    links_out_of_the_site,
    returns_as_numpydoc_reads_them,
    write_made_pages,
)

project = "aet-port"
author = "The aet-port developers"
copyright = author
release = version = VERSION

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "_scripts", "**/README.md", "**.ipynb", "**/*.md5"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

autosummary_generate = True
autodoc_typehints = "signature"  # types stand in signatures only, not in docstrings
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
autodoc_default_options = {"members": True, "member-order": "bysource"}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "aet-port"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["filter.js"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "github_url": REPOSITORY,
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
# Pages without pages below them have no navigation to show, and wide tables.
html_sidebars: dict[str, list[str]] = {name: [] for name in ("index", "accuracy", "figures")}

write_made_pages(FOLDER / "_made")
sphinx_gallery_conf = {
    "examples_dirs": [str(path) for path in gallery_scripts(FOLDER / "_scripts")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": executed(),
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,  # its page asks the network for scripts
    "download_all_examples": False,
    "abort_on_example_error": False,
    "matplotlib_animations": False,
    "image_scrapers": ("matplotlib", WrittenPictures()),
    "min_reported_time": 1,
    "plot_gallery": "True",
}


def setup(app):  # type: ignore[no-untyped-def]
    """Make docstrings, and links to files of the repository, fit for the site."""
    app.connect("autodoc-process-docstring", returns_as_numpydoc_reads_them, priority=400)
    app.connect("source-read", links_out_of_the_site)
    app.connect("build-finished", lambda app, error: shutil.rmtree(FOLDER / "_scripts", True))
