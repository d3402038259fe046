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
  view.show('');
  texts.forEach((text, at) => view.add(text.slice(at ? texts[at - 1].length : 0)));
  for (const button of root.querySelectorAll('figcaption')) button.remove();
  const others = ['dir', 'tabindex', 'rel', 'target', 'role', 'aria-label', 'scope'];
  for (const node of root.querySelectorAll('*')) for (const name of others) node.removeAttribute(name);
  for (const node of root.querySelectorAll('code span')) node.replaceWith(...node.childNodes);
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
          view.add(' grows\\n```');
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
        assert blank.evaluate(SHOW, [[text[:cut] for cut in range(0, 1_500, 7)]])


LONG = {
    "a paragraph": "Some *words* and more of them. ",
    "a line": "word" * 40 + " ",
    "lines": "a line of a paragraph\n",
    "a list": "- an item with **bold** words\n",
    "a deep list": "  - an item\n    - below\n",
    "a table": "| one | two |\n",
    "a quote": "> what somebody said\n",
    "a listing": "    return x + 1  # and so on\n",
    "a listing of one line": "x = 1; ",
    "a formula": "a + b \\\\\n",
    "empty lines": "\n",
    "blanks": "  \n",
}
BEGINS = {
    "a deep list": "- the first\n",
    "a table": "| a | b |\n| --- | --- |\n",
    "a listing": "```python\n",
    "a listing of one line": "```js\n",
    "a formula": "$$\n",
    "blanks": "text\n",
}

STREAM = """async ([begin, piece, length]) => {
  const { MarkdownView } = await import('/static/aura/chat/markdown.js');
  const whole = begin + piece.repeat(Math.ceil(length / piece.length));
  const root = document.createElement('div');
  const view = new MarkdownView(root, { copy: 'Copy', copied: 'Copied', code: 'code' });
  let built = 0;
  const seen = new MutationObserver((changes) => changes.forEach(({ addedNodes }) => (built += addedNodes.length)));
  seen.observe(root, { childList: true, subtree: true });
  let most = 0;
  for (let at = 0; at < whole.length; at += 7) {
    const before = view.work;
    view.add(whole.slice(at, at + 7));
    most = Math.max(most, view.work - before);
    if (at % 700 === 0) await Promise.resolve();
  }
  await Promise.resolve();
  return [view.work, most, built];
}"""


@pytest.mark.parametrize("kind", LONG)
def test_the_work_for_a_piece_does_not_grow_with_the_text(blank: Page, kind: str) -> None:
    short, long = (blank.evaluate(STREAM, [BEGINS.get(kind, ""), LONG[kind], size]) for size in (15_000, 45_000))
    # Three times the text is three times the work, not nine times; the DOM's too.
    assert long[0] < 4 * short[0]
    assert long[2] <= 4 * short[2] + 10
    # No piece has more than some blocks read again: a listing, and what is read in place, only itself.
    assert long[1] <= 25_000
    assert kind != "a listing" or long[0] < 2 * 45_000


def test_code_is_coloured_line_by_line_and_stays_the_same_text(blank: Page) -> None:
    source = 'def f(x):\n    """Say `hi`\n    # no comment"""\n    return 1.5 if x else \'a\\\'b\'  # why\n'
    shown = blank.evaluate(
        """async ([source]) => {
          const { highlight } = await import('/static/aura/chat/highlight.js');
          const root = document.createElement('div');
          let nodes, state = null;
          for (const line of source.split('\\n')) {
            [nodes, state] = highlight(line, 'Python', state);
            root.append(...nodes, '\\n');
          }
          return [root.textContent, [...root.children].map((node) => `${node.className.slice(2)} ${node.textContent}`)];
        }""",
        [source],
    )
    assert shown[0] == source + "\n"
    assert shown[1] == [
        "keyword def",
        'string """Say `hi`',
        'string     # no comment"""',
        "keyword return",
        "number 1.5",
        "keyword if",
        "keyword else",
        "string 'a\\'b'",
        "comment # why",
    ]


def test_every_language_colours_any_line_without_losing_a_letter(blank: Page) -> None:
    lines = [
        '<a href="x">\'//#--/*`"""',
        "/* a */ b <!-- c --> `d` -- e # f // g",
        "\\\"'" * 2_000,
        "+ a",
        "- b",
        "𝒳 = ١٢",
    ]
    lost = blank.evaluate(
        """async ([lines]) => {
          const { highlight } = await import('/static/aura/chat/highlight.js');
          const languages = 'js java rust go swift python ruby sh yaml sql json html css php diff constructor'.split(' ');
          const states = [null, '*/', '"'.repeat(3), '`', '-->'];
          const lost = [];
          for (const language of languages) for (const line of lines) for (const state of states) {
            const root = document.createElement('div');
            root.append(...highlight(line, language, state)[0]);
            if (root.textContent !== line) lost.push([language, line]);
          }
          return lost;
        }""",
        [lines],
    )
    assert lost == []


TEX = [
    (r"x^2", "<msup><mi>x</mi><mn>2</mn></msup>"),
    (r"x_{i+1}'", "<msubsup><mi>x</mi><mrow><mi>i</mi><mo>+</mo><mn>1</mn></mrow><mrow><mo>′</mo></mrow></msubsup>"),
    (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
    (r"\frac{a}{b}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"),
    (r"\sqrt[3]{x}", "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>"),
    (r"\sum_{n=1}^N", "<munderover><mo>∑</mo><mrow><mi>n</mi><mo>=</mo><mn>1</mn></mrow><mi>N</mi></munderover>"),
    (r"3.14, 1,000", "<mn>3.14</mn><mo>,</mo><mn>1,000</mn>"),
    (r"\alpha\le\infty", "<mi>α</mi><mo>≤</mo><mi>∞</mi>"),
    (r"\text{if } x", "<mtext>if&nbsp;</mtext><mi>x</mi>"),
    (r"\mathbb{R}", "<mi>ℝ</mi>"),
    (
        r"\left( \frac{a}{b} \right]",
        "<mrow><mo>(</mo><mrow><mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac></mrow><mo>]</mo></mrow>",
    ),
    (
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        "<mrow><mo>(</mo><mtable><mtr><mtd><mrow><mi>a</mi></mrow></mtd><mtd><mrow><mi>b</mi></mrow></mtd></mtr>"
        "<mtr><mtd><mrow><mi>c</mi></mrow></mtd><mtd><mrow><mi>d</mi></mrow></mtd></mtr></mtable><mo>)</mo></mrow>",
    ),
]  # fmt: skip
MATHML = """async ([tex]) => {
  const { mathml } = await import('/static/aura/chat/tex.js');
  const math = mathml(tex, true);
  if (math === null) return null;
  for (const node of math.querySelectorAll('*')) {
    for (const { name } of [...node.attributes]) if (name !== 'encoding') node.removeAttribute(name);
  }
  return math.querySelector('semantics > mrow').innerHTML;
}"""


def test_tex_becomes_mathml(blank: Page) -> None:
    for tex, wanted in TEX:
        assert blank.evaluate(MATHML, [tex]) == wanted, tex


NO_TEX = [
    r"\unknown", "{", "}", "x^", r"\frac{a}", r"\left(", r"\begin{x}", r"\begin{constructor}\end{constructor}",
    r"\begin{matrix}", "a % b", "{" * 200 + "}" * 200, r"\sqrt" * 60 + "x", "x" * 5_000,
]  # fmt: skip


def test_what_is_no_tex_known_here_is_left_as_it_is(blank: Page) -> None:
    for tex in NO_TEX:
        assert blank.evaluate(MATHML, [tex]) is None, tex


def test_formulas_stand_in_answers_and_money_stays_money(blank: Page) -> None:
    text = (
        "It costs $5 and $6, or $7-$8.\n\nInline $a^2$ and \\\\(b_1\\\\) and \\\\$9.\n\n$$\n- c\n= d\n$$\n\n"
        "\\\\[ e \\\\]\n\n$\\\\odd$"
    ).replace("\\\\", "\\")
    shown = blank.evaluate(
        """async ([text]) => {
          const { MarkdownView } = await import('/static/aura/chat/markdown.js');
          const root = document.createElement('div');
          document.body.append(root);
          new MarkdownView(root, {}).show(text);
          while (root.querySelectorAll('math').length < 4) await new Promise((next) => setTimeout(next, 20));
          return [[...root.querySelectorAll('annotation')].map((node) => node.textContent.trim()), root.textContent];
        }""",
        [text],
    )
    assert shown[0] == ["a^2", "b_1", "- c\n= d", "e"]
    assert "It costs $5 and $6, or $7-$8." in shown[1]
    assert "and $9." in shown[1]
    assert r"$\odd$" in shown[1]


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
