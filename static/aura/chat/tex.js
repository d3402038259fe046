/** TeX of formulas as MathML, as much of it as answers use. What is not known here is left to be shown as it was written. */

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const DEPTH = 40;
const LENGTH = 4_000;

const table = (text) => new Map(text.trim().split(/\s+/).map((pair) => pair.split("=")));

const LETTERS = table(`
  alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ lambda=λ mu=μ nu=ν xi=ξ
  pi=π varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=ϕ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ
  Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ Psi=Ψ Omega=Ω ell=ℓ hbar=ℏ Re=ℜ Im=ℑ aleph=ℵ infty=∞ partial=∂ nabla=∇
  emptyset=∅ varnothing=∅ imath=ı jmath=ȷ degree=°`);
const OPERATORS = table(`
  times=× cdot=⋅ div=÷ pm=± mp=∓ ast=∗ star=⋆ circ=∘ bullet=∙ oplus=⊕ otimes=⊗ odot=⊙ setminus=∖ le=≤ leq=≤ ge=≥ geq=≥ ne=≠
  neq=≠ approx=≈ sim=∼ simeq=≃ cong=≅ equiv=≡ propto=∝ ll=≪ gg=≫ in=∈ notin=∉ ni=∋ subset=⊂ subseteq=⊆ supset=⊃ supseteq=⊇
  cup=∪ cap=∩ vee=∨ wedge=∧ lor=∨ land=∧ neg=¬ lnot=¬ forall=∀ exists=∃ nexists=∄ to=→ rightarrow=→ leftarrow=← gets=←
  leftrightarrow=↔ Rightarrow=⇒ Leftarrow=⇐ Leftrightarrow=⇔ implies=⟹ iff=⟺ mapsto=↦ longrightarrow=⟶ uparrow=↑ downarrow=↓
  mid=∣ parallel=∥ perp=⟂ angle=∠ triangle=△ therefore=∴ because=∵ ldots=… dots=… cdots=⋯ vdots=⋮ ddots=⋱ prime=′ langle=⟨
  rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ vert=| lvert=| rvert=| Vert=‖ lVert=‖ rVert=‖ top=⊤ bot=⊥ vdash=⊢ models=⊨ colon=:
  prec=≺ succ=≻ preceq=⪯ succeq=⪰ dagger=† lbrace={ rbrace=} backslash=\\`);
const LARGE = table("sum=∑ prod=∏ coprod=∐ int=∫ iint=∬ iiint=∭ oint=∮ bigcup=⋃ bigcap=⋂ bigoplus=⨁ bigotimes=⨂");
const FUNCTIONS = new Set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp det dim ker deg arg gcd hom Pr max min sup inf lim limsup liminf argmax argmin".split(" "));
/** What stands under and over these when the formula stands by itself. */
const LIMITS = new Set("max min sup inf lim limsup liminf argmax argmin det gcd Pr sum prod coprod bigcup bigcap bigoplus bigotimes".split(" "));
const ACCENTS = table("hat=^ widehat=^ bar=¯ overline=¯ tilde=~ widetilde=~ vec=→ dot=˙ ddot=¨ check=ˇ");
const SPACES = new Map([[",", "0.167em"], [":", "0.222em"], [";", "0.278em"], [" ", "0.278em"], ["quad", "1em"], ["qquad", "2em"], ["!", "-0.167em"]]);
const FONTS = new Map([["mathbf", "bold"], ["boldsymbol", "bold"], ["bm", "bold"], ["mathrm", "normal"], ["mathit", "italic"], ["mathbb", "double"], ["mathcal", "script"], ["mathsf", "normal"], ["mathtt", "normal"], ["operatorname", "normal"]]);
const DOUBLE = { C: "ℂ", H: "ℍ", N: "ℕ", P: "ℙ", Q: "ℚ", R: "ℝ", Z: "ℤ" };
const SCRIPT = { B: "ℬ", E: "ℰ", F: "ℱ", H: "ℋ", I: "ℐ", L: "ℒ", M: "ℳ", R: "ℛ" };
const BRACES = new Map([["{", "{"], ["}", "}"], ["|", "‖"]]);
const FENCES = { matrix: ["", ""], pmatrix: ["(", ")"], bmatrix: ["[", "]"], Bmatrix: ["{", "}"], vmatrix: ["|", "|"], Vmatrix: ["‖", "‖"], cases: ["{", ""], aligned: ["", ""], align: ["", ""], "align*": ["", ""], gathered: ["", ""], split: ["", ""], array: ["", ""] };
const TOKEN = /\\(?:[A-Za-z]+\*?|[\s\S])|\s+|[\s\S]/gu;

function node(name, attributes = {}, ...children) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return the `math` element of a formula, null for one that is not understood. `display` is for one that stands by itself. */
export function mathml(tex, display) {
  if (tex.length > LENGTH) return null;
  try {
    const parser = new Parser(tex, display);
    const row = parser.whole();
    const source = node("annotation", { encoding: "application/x-tex" }, tex);
    return node("math", { display: display ? "block" : "inline" }, node("semantics", {}, row, source));
  } catch (error) {
    if (error instanceof Unread) return null;
    throw error;
  }
}

class Unread extends Error {}

class Parser {
  #tokens;
  #at = 0;
  #depth = 0;

  constructor(tex, display) {
    this.#tokens = tex.match(TOKEN) ?? [];
    this.display = display;
  }

  whole() {
    const row = this.#cells((token) => token === undefined);
    return row;
  }

  #peek() {
    while (/^\s/.test(this.#tokens[this.#at] ?? "")) this.#at += 1;
    return this.#tokens[this.#at];
  }

  #take() {
    const token = this.#peek();
    if (token === undefined) throw new Unread("something is missing");
    this.#at += 1;
    return token;
  }

  #expect(wanted) {
    if (this.#take() !== wanted) throw new Unread(`${wanted} is missing`);
  }

  /** Read what stands until `ends(token)`: a row, or a table where it has cells and lines. */
  #cells(ends, environment = "") {
    const rows = [[]];
    for (;;) {
      rows.at(-1).push(this.#row((token) => ends(token) || token === "&" || token === "\\\\" || token === "\\cr"));
      const token = this.#peek();
      if (ends(token)) break;
      this.#at += 1;
      if (token !== "&") rows.push([]);
    }
    if (rows.length === 1 && rows[0].length === 1 && environment === "") return rows[0][0];
    if (rows.at(-1).length === 1 && rows.at(-1)[0].childNodes.length === 0) rows.pop();
    const aligned = environment === "" || /^(align|split)/.test(environment);
    const cell = (content, column) => node("mtd", { class: side(environment, aligned, column) }, content);
    return node("mtable", aligned ? { displaystyle: "true" } : {}, ...rows.map((row) => node("mtr", {}, ...row.map(cell))));
  }

  #row(ends) {
    this.#depth += 1;
    if (this.#depth > DEPTH) throw new Unread("too deep");
    const row = node("mrow");
    for (let token = this.#peek(); !ends(token); token = this.#peek()) {
      if (token === undefined || token === "}" || token === "\\right" || token === "\\end") throw new Unread(`${token} stands alone`);
      row.append(...this.#scripted());
    }
    this.#depth -= 1;
    return row;
  }

  /** Read one thing with what stands under and over it. */
  #scripted() {
    const token = this.#peek();
    const base = token === "^" || token === "_" ? node("mrow") : this.#atom();
    if (base === null) return [];
    const parts = { "_": null, "^": null };
    for (;;) {
      const mark = this.#peek();
      if (mark === "'") {
        this.#at += 1;
        parts["^"] = node("mrow", {}, ...(parts["^"] ? [parts["^"]] : []), node("mo", {}, "′"));
      } else if (mark === "^" || mark === "_") {
        this.#at += 1;
        const script = this.#argument();
        parts[mark] = parts[mark] ? node("mrow", {}, parts[mark], script) : script;
      } else if (mark === "\\limits" || mark === "\\nolimits") {
        this.#at += 1;
      } else break;
    }
    const limits = this.display && LIMITS.has(token?.slice(1));
    const [under, over] = [parts["_"], parts["^"]];
    if (under && over) return [node(limits ? "munderover" : "msubsup", {}, base, under, over)];
    if (under) return [node(limits ? "munder" : "msub", {}, base, under)];
    if (over) return [node(limits ? "mover" : "msup", {}, base, over)];
    return [base];
  }

  /** Read what a command is given: a group, or one token. */
  #argument() {
    const token = this.#peek();
    if (token === "{") return this.#group();
    if (!/^\d$/.test(token ?? "")) return this.#atom() ?? node("mrow");
    this.#at += 1;
    return node("mn", {}, token);
  }

  #group() {
    this.#expect("{");
    const row = this.#row((token) => token === "}");
    this.#expect("}");
    return row;
  }

  #atom() {
    const token = this.#peek();
    if (token === "{") return this.#group();
    this.#at += 1;
    if (token === undefined) throw new Unread("something is missing");
    if (token.startsWith("\\")) return this.#command(token.slice(1));
    if (/\d/.test(token)) return this.#number(token);
    if (token === "~") return node("mspace", { width: "0.278em" });
    if (token === "&" || token === "%" || token === "#" || token === "$") throw new Unread(`${token} stands alone`);
    if (/\p{L}/u.test(token)) return node("mi", {}, token);
    return node("mo", "()[]|/".includes(token) ? { stretchy: "false" } : {}, token === "-" ? "−" : token === "*" ? "∗" : token);
  }

  #number(first) {
    let text = first;
    while (/^[\d.,]$/.test(this.#tokens[this.#at] ?? "")) {
      // A comma, or a point, belongs to a number only before a digit.
      if (/[.,]/.test(this.#tokens[this.#at]) && !/^\d$/.test(this.#tokens[this.#at + 1] ?? "")) break;
      text += this.#tokens[this.#at];
      this.#at += 1;
    }
    return node("mn", {}, text);
  }

  #command(name) {
    if (LETTERS.has(name)) return node("mi", {}, LETTERS.get(name));
    if (OPERATORS.has(name)) return node("mo", {}, OPERATORS.get(name));
    if (LARGE.has(name)) return node("mo", { largeop: "true", movablelimits: "false" }, LARGE.get(name));
    if (FUNCTIONS.has(name)) return node("mi", {}, name);
    if (SPACES.has(name)) return node("mspace", { width: SPACES.get(name) });
    if (ACCENTS.has(name)) return node("mover", { accent: "true" }, this.#argument(), node("mo", { stretchy: String(/^(wide|over|bar)/.test(name)) }, ACCENTS.get(name)));
    if (FONTS.has(name)) return this.#font(FONTS.get(name));
    switch (name) {
      case "frac":
      case "dfrac":
      case "tfrac":
      case "cfrac":
        return node("mfrac", {}, this.#argument(), this.#argument());
      case "binom":
        return node("mrow", {}, node("mo", {}, "("), node("mfrac", { linethickness: "0" }, this.#argument(), this.#argument()), node("mo", {}, ")"));
      case "sqrt":
        return this.#root();
      case "text":
      case "textbf":
      case "textit":
      case "textrm":
      case "mbox":
        return node("mtext", {}, this.#words());
      case "left":
        return this.#between();
      case "big": case "Big": case "bigg": case "Bigg": case "bigl": case "bigr": case "Bigl": case "Bigr":
        return node("mo", {}, this.#delimiter());
      case "begin":
        return this.#environment();
      case "overset":
      case "stackrel": {
        const over = this.#argument();
        return node("mover", {}, this.#argument(), over);
      }
      case "underset": {
        const under = this.#argument();
        return node("munder", {}, this.#argument(), under);
      }
      case "underbrace":
        return node("munder", {}, this.#argument(), node("mo", {}, "⏟"));
      case "overbrace":
        return node("mover", {}, this.#argument(), node("mo", {}, "⏞"));
      case "underline":
        return node("munder", {}, this.#argument(), node("mo", {}, "_"));
      case "boxed":
        return node("mrow", { class: "boxed" }, this.#argument());
      case "pmod":
        return node("mrow", {}, node("mspace", { width: "0.5em" }), node("mo", {}, "("), node("mi", {}, "mod"), node("mspace", { width: "0.25em" }), this.#argument(), node("mo", {}, ")"));
      case "bmod":
        return node("mo", { lspace: "0.25em", rspace: "0.25em" }, "mod");
      case "displaystyle":
      case "textstyle":
      case "nonumber":
      case "notag":
        return null;
      case "{": case "}": case "%": case "$": case "#": case "&": case "_":
        return node("mo", { stretchy: "false" }, name);
      case "|":
        return node("mo", { stretchy: "false" }, "‖");
      default:
        throw new Unread(`\\${name}`);
    }
  }

  #font(font) {
    const inner = this.#argument();
    const only = inner.textContent;
    if (font === "double") return node("mi", {}, [...only].map((letter) => DOUBLE[letter] ?? letter).join(""));
    if (font === "script") return node("mi", {}, [...only].map((letter) => SCRIPT[letter] ?? letter).join(""));
    if (font === "normal") return node("mi", { mathvariant: "normal" }, only);
    return node("mstyle", { class: font }, inner);
  }

  #root() {
    if (this.#peek() !== "[") return node("msqrt", {}, this.#argument());
    this.#at += 1;
    const index = this.#row((token) => token === "]");
    this.#expect("]");
    return node("mroot", {}, this.#argument(), index);
  }

  #words() {
    this.#expect("{");
    let text = "";
    for (let open = 1; ; this.#at += 1) {
      const token = this.#tokens[this.#at];
      if (token === undefined) throw new Unread("} is missing");
      if (token === "{") open += 1;
      if (token === "}") open -= 1;
      if (open === 0) break;
      text += token.replace(/^\\(?=[^A-Za-z])/, "");
    }
    this.#at += 1;
    return text.replace(/^ | $/g, "\u00a0");
  }

  #delimiter() {
    const token = this.#take();
    if (token === ".") return "";
    const name = token.slice(1);
    if (token.startsWith("\\")) {
      const found = OPERATORS.get(name) ?? BRACES.get(name);
      if (found === undefined) throw new Unread(token);
      return found;
    }
    return token;
  }

  #between() {
    const fence = (text) => node("mo", { fence: "true", stretchy: "true" }, text);
    const open = fence(this.#delimiter());
    const row = this.#row((token) => token === "\\right");
    this.#expect("\\right");
    return node("mrow", {}, open, row, fence(this.#delimiter()));
  }

  #environment() {
    const name = this.#words();
    if (!Object.hasOwn(FENCES, name)) throw new Unread(name);
    const fences = FENCES[name];
    if (name === "array") this.#words();
    this.#depth += 1;
    if (this.#depth > DEPTH) throw new Unread("too deep");
    const inner = this.#cells((token) => token === "\\end" || token === undefined, name);
    this.#depth -= 1;
    this.#expect("\\end");
    if (this.#words() !== name) throw new Unread(`\\end{${name}} is missing`);
    const fence = (text) => (text ? [node("mo", { fence: "true", stretchy: "true" }, text)] : []);
    return node("mrow", {}, ...fence(fences[0]), inner, ...fence(fences[1]));
  }
}

function side(environment, aligned, column) {
  if (environment === "cases") return "to-start";
  if (!aligned || environment === "gathered") return "to-center";
  return column % 2 === 0 ? "to-end" : "to-start";
}
