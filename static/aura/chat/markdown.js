/** Markdown of answers as DOM nodes: built, never parsed from HTML, so that nothing a model says can run. */

const SAFE_LINK = /^(https?:|mailto:)/i;
const FENCE = /^\s{0,3}(```|~~~)\s*([\w+#.-]*)/;
const ITEM = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/;
// One alternative for each mark; none can match the same text in two ways.
const INLINE = /(`+)([^`]+?)\1(?!`)|\*\*([^*\n]+)\*\*|__([^_\n]+)__|\*([^*\s][^*\n]*)\*|\[([^\]\n]+)\]\(([^)\s]+)\)/g;

function element(name, { text, className, attributes = {} } = {}, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Return the nodes of a line of text with its emphasis, code and links. */
export function inline(text) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > at) nodes.push(text.slice(at, match.index));
    const [whole, , code, strong, strongToo, emphasis, label, address] = match;
    if (code !== undefined) nodes.push(element("code", { text: code }));
    else if (strong ?? strongToo) nodes.push(element("strong", {}, ...inline(strong ?? strongToo)));
    else if (emphasis) nodes.push(element("em", {}, ...inline(emphasis)));
    else if (SAFE_LINK.test(address)) {
      const attributes = { href: address, rel: "noopener noreferrer nofollow", target: "_blank" };
      nodes.push(element("a", { text: label, attributes }));
    } else nodes.push(whole);
    at = match.index + whole.length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

/** Cut a text into blocks of lines: a fence is one block whatever is in it; else blank lines part blocks. */
export function blocks(text) {
  const found = [];
  let lines = [];
  let fence = null;
  const end = () => {
    if (lines.length > 0) found.push(lines.join("\n"));
    lines = [];
  };
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line);
    if (fence !== null) {
      lines.push(line);
      if (mark !== null && mark[1] === fence && mark[2] === "") {
        fence = null;
        end();
      }
    } else if (mark !== null) {
      end();
      fence = mark[1];
      lines.push(line);
    } else if (line.trim() === "") {
      end();
    } else {
      if (lines.length > 0 && (HEADING.test(line) || HEADING.test(lines[0]) || startsList(line, lines))) end();
      lines.push(line);
    }
  }
  end();
  return found;
}

const startsList = (line, lines) => ITEM.test(line) && !ITEM.test(lines[0]);

function codeBlock(lines, strings) {
  const language = FENCE.exec(lines[0])[2];
  const closed = lines.length > 1 && FENCE.test(lines.at(-1));
  const code = lines.slice(1, closed ? -1 : undefined).join("\n");
  const copy = element("button", { text: strings.copy, className: "copy", attributes: { type: "button" } });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code);
    copy.textContent = strings.copied;
    setTimeout(() => (copy.textContent = strings.copy), 1_500);
  });
  const head = element("figcaption", {}, element("span", { text: language || "text" }), copy);
  const pre = element("pre", { attributes: { dir: "ltr", tabindex: "0" } }, element("code", { text: code }));
  return element("figure", { className: "code" }, head, pre);
}

function list(lines) {
  const ordered = /^\s*\d/.test(lines[0]);
  const node = element(ordered ? "ol" : "ul");
  if (ordered) node.start = Number.parseInt(lines[0].trim(), 10);
  const base = ITEM.exec(lines[0])[1].length;
  let inner = [];
  let item = null;
  const endItem = () => {
    if (item !== null && inner.length > 0) item.append(ITEM.test(inner[0]) ? list(inner) : element("p", {}, ...inline(inner.join(" "))));
    inner = [];
  };
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match !== null && match[1].length <= base) {
      endItem();
      item = element("li", { attributes: { dir: "auto" } }, ...inline(match[3]));
      node.append(item);
    } else inner.push(match === null ? line.trim() : line);
  }
  endItem();
  return node;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());

function table(lines) {
  const row = (name, line) => element("tr", {}, ...cells(line).map((cell) => element(name, { attributes: { dir: "auto" } }, ...inline(cell))));
  const head = element("thead", {}, row("th", lines[0]));
  const body = element("tbody", {}, ...lines.slice(2).map((line) => row("td", line)));
  return element("div", { className: "table" }, element("table", {}, head, body));
}

function block(source, strings) {
  const lines = source.split("\n");
  if (FENCE.test(lines[0])) return codeBlock(lines, strings);
  const heading = HEADING.exec(lines[0]);
  if (heading !== null) return element(`h${Math.min(6, heading[1].length + 2)}`, { attributes: { dir: "auto" } }, ...inline(heading[2]));
  if (RULE.test(source)) return element("hr");
  if (ITEM.test(lines[0])) return list(lines);
  if (lines.length > 1 && lines[0].includes("|") && TABLE_RULE.test(lines[1])) return table(lines);
  if (lines.every((line) => line.startsWith(">"))) {
    const quoted = lines.map((line) => line.replace(/^>\s?/, "")).join("\n");
    return element("blockquote", { attributes: { dir: "auto" } }, ...blocks(quoted).map((part) => block(part, strings)));
  }
  const paragraph = element("p", { attributes: { dir: "auto" } });
  lines.forEach((line, at) => paragraph.append(...(at ? [element("br")] : []), ...inline(line)));
  return paragraph;
}

/** Shows a growing text in `container`: only blocks that changed are built again. */
export class MarkdownView {
  #shown = [];

  constructor(container, strings) {
    this.container = container;
    this.strings = strings;
  }

  /** Show `text`, which begins with what was shown before or replaces it. */
  show(text) {
    const wanted = blocks(text);
    let same = 0;
    while (same < wanted.length && same < this.#shown.length && wanted[same] === this.#shown[same]) same += 1;
    while (this.container.childNodes.length > same) this.container.lastChild.remove();
    this.container.append(...wanted.slice(same).map((source) => block(source, this.strings)));
    this.#shown = wanted;
  }
}
