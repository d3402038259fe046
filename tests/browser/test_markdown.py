"""Markdown of answers, rendered by a real browser."""

import random
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SHOW = """async ([texts]) => {
  const { MarkdownView } = await import('/static/aura/chat/markdown.js');
  const root = document.createElement('div');
  const view = new MarkdownView(root, { copy: 'Copy', copied: 'Copied', code: 'code' });
  for (const text of texts) view.show(text);
  for (const button of root.querySelectorAll('figcaption')) button.remove();
  const others = ['dir', 'tabindex', 'rel', 'target', 'role', 'aria-label', 'scope'];
  for (const node of root.querySelectorAll('*')) for (const name of others) node.removeAttribute(name);
  return root.innerHTML;
}"""


@pytest.fixture
def blank(page: Page) -> Page:
    """A page of the site without the chat's scripts."""
    page.goto("/password/")
    return page


def html(page: Page, *texts: str) -> Any:
    return page.evaluate(SHOW, [list(texts)])


CASES = [
    ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
    ("# A *b*\ntext", "<h3>A <em>b</em></h3><p>text</p>"),
    (
        "**a *b* c** and ***d*** and ~~e~~",
        "<p><strong>a <em>b</em> c</strong> and <em><strong>d</strong></em> and <s>e</s></p>",
    ),
    ("snake_case_name 2*3*4 a * b * c \\*d\\*", "<p>snake_case_name 2*3*4 a * b * c *d*</p>"),
    ("_a_ __b__ x_y_", "<p><em>a</em> <strong>b</strong> x_y_</p>"),
    ("`a*b*` ``c`d`` `open", "<p><code>a*b*</code> <code>c`d</code> `open</p>"),
    ("[**x**](https://e.org/a_(b))", '<p><a href="https://e.org/a_(b)"><strong>x</strong></a></p>'),
    ("(see https://e.org/a_b_c).", '<p>(see <a href="https://e.org/a_b_c">https://e.org/a_b_c</a>).</p>'),
    ("[x](javascript:alert(1)) [y](data:text/html,1)", "<p>[x](javascript:alert(1)) [y](data:text/html,1)</p>"),
    ("<b onclick=x>&lt;</b>", "<p>&lt;b onclick=x&gt;&amp;lt;&lt;/b&gt;</p>"),
    ("- a\n- b\n  more\n  - c", "<ul><li>a</li><li>b<p>more</p><ul><li>c</li></ul></li></ul>"),
    ("1. a\n\n2. b\n\nend", '<ol start="1"><li>a</li><li>b</li></ol><p>end</p>'),
    ("text\n3. c", '<p>text</p><ol start="3"><li>c</li></ol>'),
    ("- [x] done\n- [ ] open", '<ul><li class="task">☑ done</li><li class="task">☐ open</li></ul>'),
    ("> a\n> - b\nc", "<blockquote><p>a</p><ul><li>b</li></ul></blockquote><p>c</p>"),
    ("a\n---\nb", "<p>a</p><hr><p>b</p>"),
    (
        "see\na | b\n--- | ---:\n1 | 2\\|3",
        '<p>see</p><div class="table"><table><thead><tr><th>a</th><th class="to-end">b</th></tr></thead>'
        '<tbody><tr><td>1</td><td class="to-end">2|3</td></tr></tbody></table></div>',
    ),
    ("```py\nif a:\n\n  # b\n```\nc", '<figure class="code"><pre><code>if a:\n\n  # b</code></pre></figure><p>c</p>'),
    ("````\n```\n````", '<figure class="code"><pre><code>```</code></pre></figure>'),
    ("  ```\n  a\n    b\n  ```", '<figure class="code"><pre><code>a\n  b</code></pre></figure>'),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0][:20])
def test_marks_become_elements(blank: Page, case: tuple[str, str]) -> None:
    source, wanted = case
    assert html(blank, source) == wanted


def test_a_text_that_grows_ends_as_one_that_came_at_once(blank: Page) -> None:
    whole = "\n\n".join(source for source, _ in CASES)
    chance = random.Random(7)
    for _ in range(10):
        cuts = sorted(chance.sample(range(1, len(whole)), 60))
        assert html(blank, *[whole[:cut] for cut in cuts], whole) == html(blank, whole)
    assert html(blank, *[whole[:cut] for cut in range(1, len(whole) + 1)]) == html(blank, whole)


def test_what_was_settled_is_not_built_again_and_code_grows_in_place(blank: Page) -> None:
    kept = blank.evaluate(
        """async () => {
          const { MarkdownView } = await import('/static/aura/chat/markdown.js');
          const root = document.createElement('div');
          const view = new MarkdownView(root, { copy: 'Copy', copied: 'Copied', code: 'code' });
          view.show('first\\n\\nsecond\\n\\n```\\ncode');
          const [first, , figure] = root.childNodes;
          view.show('first\\n\\nsecond\\n\\n```\\ncode grows\\n```');
          return [root.childNodes[0] === first, root.childNodes[2] === figure, figure.querySelector('code').textContent];
        }"""
    )
    assert kept == [True, True, "code grows"]


@pytest.mark.parametrize(
    "piece",
    [
        "*",
        "_",
        "`",
        "[",
        "**a ",
        "> ",
        ">",
        "- ",
        "  - ",
        "|",
        "`a",
        "[a](",
        "~~a",
        "***a*",
        "https://",
        "\\",
        "1. \n",
        "a|b\n-|-\n",
        "![",
        "(((",
        "```\n",
    ],
)
def test_no_text_is_too_odd(blank: Page, piece: str) -> None:
    for text in (piece * (100_000 // len(piece)), "".join(" " * depth + piece + "\n" for depth in range(400))):
        assert blank.evaluate(SHOW, [[text]])


def test_blocks_take_the_direction_of_their_words(blank: Page) -> None:
    directions = blank.evaluate(
        """async () => {
          const { MarkdownView } = await import('/static/aura/chat/markdown.js');
          const root = document.createElement('div');
          new MarkdownView(root, {}).show('1. عربي\\n\\nx\\n\\n- English\\n\\n> اقتباس\\n\\na | b\\n--- | ---\\nع | ع');
          return [...root.children].map((node) => node.dir);
        }"""
    )
    assert directions == ["rtl", "auto", "ltr", "rtl", "ltr"]
