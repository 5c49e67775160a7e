"""The site of the documents: the Markdown of this repository as it stands on GitHub, and the docstrings. `make docs-site` builds it.

https://www.sphinx-doc.org/en/master/usage/configuration.html
"""

import os
import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "backend"), str(ROOT / "tests")]

SOURCES = "https://github.com/header-echo/header-echo"
#: The list of the documents for GitHub's readers; the site's navigation is made of it.
CONTENTS = ROOT / "docs" / "README.md"
LISTED = re.findall(r"^## (.+)|^- \[(.+?)\]\((.+?\.md)\)", CONTENTS.read_text(), re.MULTILINE)
HOME = "README.md"
#: What is below docs/ and not listed there is in no navigation: Sphinx warns, and the build fails.
PAGES = {
    HOME,
    *(str((CONTENTS.parent / page).resolve().relative_to(ROOT)) for _, _, page in LISTED if page),
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
}
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")

project = html_title = "header-echo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = sorted(PAGES)
root_doc = HOME.removesuffix(".md")

html_theme = "furo"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_favicon = str(ROOT / "docs" / "icon.svg")
html_copy_source = False
html_show_copyright = False
html_use_index = html_domain_indices = False
html_theme_options = {"source_edit_link": f"{SOURCES}/edit/main/{{filename}}"}

myst_heading_anchors = 6  # as GitHub has them: links name them
highlight_language = "text"  # of blocks that name no language
default_role = "code"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"


def setup(app: Sphinx) -> None:
    """Let Sphinx read the pages with the site's links and navigation, and have a first page."""
    app.connect("source-read", as_site)
    app.connect("build-finished", with_index)


def as_site(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put what only the site needs into the text of a page."""
    page = ROOT / f"{name}.md"
    source[0] = LINK.sub(lambda link: f"]({_target(page.parent, link[1])}{link[2] or ''})", source[0])
    if name == root_doc:
        source[0] += _navigation()
    elif page == CONTENTS:
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def _target(folder: Path, link: str) -> str:
    """Return where a relative link leads: to pages of the site and to pictures as it stands, to other files on GitHub."""
    path = (folder / link).resolve()
    if path.is_dir():
        if str((path / "README.md").relative_to(ROOT)) in PAGES:
            return f"{link.rstrip('/')}/README.md"
    elif not path.is_file() or path.suffix == ".svg" or str(path.relative_to(ROOT)) in PAGES:
        return link
    return f"{SOURCES}/{'tree' if path.is_dir() else 'blob'}/main/{path.relative_to(ROOT)}"


def _navigation() -> str:
    """Return Sphinx' words for a navigation with the headings and pages of docs/README.md."""
    parts = []
    for heading, title, page in LISTED:
        if heading:
            parts.append(f"```\n\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n")
        else:
            target = os.path.relpath((CONTENTS.parent / page).resolve(), ROOT)
            parts.append(f"{title} <{'self' if target == HOME else f'/{target}'}>\n")
    return "".join(parts).removeprefix("```") + "```\n"


def with_index(app: Sphinx, error: Exception | None) -> None:
    """Have the home page under the name that web servers look for too."""
    if error is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")
