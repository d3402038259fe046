/** Colours for code: comments, strings, numbers and keywords, a line at a time. What it does not know stays as it is. */

import { element } from "./element.js";

const words = (text) => new Set(text.split(" "));

const C = "break case catch class const continue default do else enum extends false finally for if import in interface new null private protected public return static super switch this throw true try typeof var void while";
const STRINGS = `"(?:[^"\\\\]|\\\\.)*"?|'(?:[^'\\\\]|\\\\.)*'?`;

const slashes = (keywords, more = {}) => ({ line: "//", blocks: { "/*": "*/" }, strings: STRINGS, keywords: words(keywords), ...more });
const hashes = (keywords, more = {}) => ({ line: "#", blocks: {}, strings: STRINGS, keywords: words(keywords), ...more });

const SCRIPT = slashes(`${C} async await debugger delete export from function instanceof let of type undefined yield as implements readonly`, { blocks: { "/*": "*/", "`": "`" } });
const JAVA = slashes(`${C} abstract bool boolean byte char double final float int long namespace override package short string struct sizeof template typedef union unsigned using virtual auto nullptr instanceof throws fun val when object internal sealed record`);
const RUST = slashes("as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while", { strings: `"(?:[^"\\\\]|\\\\.)*"?|'(?:[^'\\\\]|\\\\.)'` });
const GO = slashes("break case chan const continue default defer else fallthrough false for func go goto if import interface map nil package range return select struct switch true type var", { blocks: { "/*": "*/", "`": "`" } });
const SWIFT = slashes(`${C} func let guard protocol struct extension init deinit self Self nil where inout some any actor async await throws`);
const PYTHON = hashes("and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield", { blocks: { '"""': '"""', "'''": "'''" } });
const RUBY = hashes("alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield require");
const SHELL = hashes("if then else elif fi case esac for while until do done in function return local export readonly set unset source exit echo cd sudo", { line: "(?<![^\\s;])#" });
const DATA = hashes("true false null yes no on off", { line: "(?<!\\S)#" });
const SQL = { line: "--", blocks: { "/*": "*/" }, strings: `'(?:[^']|'')*'?`, anyCase: true, keywords: words("add all alter and as asc begin between by case check column commit constraint count create cross database default delete desc distinct drop else end exists foreign from full grant group having if in index inner insert into is join key left like limit not null offset on or order outer primary references returning right rollback select set sum table then trigger union unique update using values view when where with") };
const JSON_DATA = { line: null, blocks: {}, strings: `"(?:[^"\\\\]|\\\\.)*"?`, keywords: words("true false null") };
const MARKUP = { line: null, blocks: { "<!--": "-->" }, strings: `(?<==)"[^"]*"?|(?<==)'[^']*'?`, keywords: new Set(), marks: "<[/!?]?[A-Za-z][\\w:-]*|/?>" };
const CSS = { line: null, blocks: { "/*": "*/" }, strings: STRINGS, keywords: words("important inherit initial unset auto none"), marks: "@[\\w-]+|--[\\w-]+|[\\w-]+(?=\\s*:\\s)" };
const PHP = slashes(`${C} echo function namespace use foreach as elseif require require_once include array fn match`, { line: "//|#" });

const LANGUAGES = new Map(
  Object.entries({
    SCRIPT, JAVA, RUST, GO, SWIFT, PYTHON, RUBY, SHELL, DATA, SQL, JSON_DATA, MARKUP, CSS, PHP,
  }).flatMap(([name, rules]) => NAMES(name).map((language) => [language, compiled(rules)])),
);

function NAMES(family) {
  return {
    SCRIPT: ["js", "javascript", "jsx", "ts", "typescript", "tsx", "mjs"],
    JAVA: ["java", "c", "cpp", "c++", "h", "hpp", "cs", "c#", "csharp", "kotlin", "kt", "scala", "dart", "proto"],
    RUST: ["rust", "rs"],
    GO: ["go", "golang"],
    SWIFT: ["swift"],
    PYTHON: ["py", "python", "python3", "pycon"],
    RUBY: ["rb", "ruby", "perl", "elixir", "r"],
    SHELL: ["sh", "bash", "shell", "zsh", "console", "dockerfile", "makefile"],
    DATA: ["yaml", "yml", "toml", "ini", "env", "conf", "nginx"],
    SQL: ["sql", "postgresql", "mysql", "sqlite"],
    JSON_DATA: ["json", "jsonl"],
    MARKUP: ["html", "xml", "svg", "vue"],
    CSS: ["css", "scss", "less"],
    PHP: ["php"],
  }[family];
}

function compiled({ line, blocks, strings, keywords, marks, anyCase = false }) {
  const escape = (text) => text.replace(/[/*]/g, "\\$&");
  const groups = [
    line && `(?<comment>(?:${line}).*)`,
    Object.keys(blocks).length > 0 && `(?<open>${Object.keys(blocks).map(escape).join("|")})`,
    `(?<string>${strings})`,
    marks && `(?<mark>${marks})`,
    "(?<number>(?<![\\w.])\\d[\\w.]*)",
    "(?<word>[\\p{L}_$][\\w$]*)",
  ];
  return { blocks, anyCase, keywords, scan: new RegExp(groups.filter(Boolean).join("|"), "gu") };
}

const span = (kind, text) => element("span", { className: `t-${kind}`, text });
const kindOf = (closing) => (closing === "*/" || closing === "-->" ? "comment" : "string");

/**
 * Return [nodes, state] of one line; `state` is what the line before returned, null for the first. State is what closes a
 * comment or a string that goes on over lines.
 */
export function highlight(line, language, state) {
  const name = language.toLowerCase();
  if (name === "diff" || name === "patch") return [[diffLine(line)], null];
  const rules = LANGUAGES.get(name);
  return rules === undefined ? [[line], null] : read(line, rules, state);
}

function diffLine(line) {
  const kind = { "+": "added", "-": "removed", "@": "keyword" }[line[0]];
  return kind ? span(kind, line) : line;
}

function read(line, { blocks, keywords, scan, anyCase }, state) {
  const nodes = [];
  let at = 0;
  const inside = (begin, from, closing) => {
    const end = line.indexOf(closing, from);
    at = end < 0 ? line.length : end + closing.length;
    nodes.push(span(kindOf(closing), line.slice(begin, at)));
    return end < 0 ? closing : null;
  };
  let open = state === null ? null : inside(0, 0, state);
  while (open === null && at < line.length) {
    scan.lastIndex = at;
    const found = scan.exec(line);
    if (found === null) break;
    if (found.index > at) nodes.push(line.slice(at, found.index));
    const [text] = found;
    const { groups } = found;
    at = found.index + text.length;
    if (groups.open) open = inside(found.index, at, blocks[groups.open]);
    else if (groups.word) nodes.push(keywords.has(anyCase ? text.toLowerCase() : text) ? span("keyword", text) : text);
    else nodes.push(span(groups.mark ? "keyword" : Object.keys(groups).find((kind) => groups[kind] !== undefined), text));
  }
  if (at < line.length) nodes.push(line.slice(at));
  return [nodes, open];
}
