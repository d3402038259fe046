/** The search of the documentation: an index of sections that is fetched when somebody first wants to search. */

const MOST = 12;
const AROUND = 60;

/** Make words alike that people type alike: case, accents, Arabic vowel signs, and the forms of alef, ya and ta marbuta. */
export const fold = (text) =>
  text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\u0640\u064b-\u0655\u0670]/g, "")
    .replace(/[آأإٱ]/g, "ا")
    .replace(/ى/g, "ي")
    .replace(/ة/g, "ه");

const score = (folded, word) => {
  const [page, title, , text] = folded;
  const begins = (where) => where === word || where.startsWith(`${word} `) || where.includes(` ${word}`) || where.startsWith(word);
  if (begins(title)) return 12;
  if (title.includes(word)) return 8;
  if (begins(page)) return 5;
  if (text.includes(word)) return text.includes(` ${word}`) ? 2 : 1;
  return 0;
};

/** Return the sections that have all the words, the best first. `index` holds [page, title, address, text]. */
export const search = (index, folded, query) => {
  const words = fold(query).split(/\s+/u).filter(Boolean);
  if (words.length === 0) return [];
  const found = [];
  folded.forEach((section, place) => {
    const scores = words.map((word) => score(section, word));
    if (scores.every((points) => points > 0)) found.push([scores.reduce((a, b) => a + b), place]);
  });
  found.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  return found.slice(0, MOST).map(([, place]) => index[place]);
};

/** Return some words of a section around the first place where one of the query stands. */
export const excerpt = (text, query) => {
  const lower = text.toLowerCase();
  const at = Math.max(0, Math.min(...query.toLowerCase().split(/\s+/u).filter(Boolean)
    .map((word) => lower.indexOf(word)).filter((place) => place >= 0), text.length));
  const from = at === text.length ? 0 : Math.max(0, at - AROUND);
  const part = text.slice(from, from + 2 * AROUND).replace(/\s+/gu, " ");
  return `${from > 0 ? "… " : ""}${part}${from + 2 * AROUND < text.length ? " …" : ""}`;
};

const start = (form) => {
  const field = form.querySelector("#words");
  const list = form.querySelector("#results");
  const found = form.querySelector("#found");
  const base = new URL(form.dataset.index, location.href);
  let loading = null;

  const load = () => {
    loading ??= fetch(base)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((index) => ({ index, folded: index.map((section) => section.map(fold)) }));
    loading.catch(() => { loading = null; });
    return loading;
  };

  const show = (sections, query) => {
    list.replaceChildren(...sections.map(([page, title, address, text]) => {
      const link = document.createElement("a");
      link.href = new URL(address, base).href;
      const name = document.createElement("strong");
      name.textContent = title;
      const more = document.createElement("span");
      more.textContent = [page === title ? "" : page, excerpt(text, query)].filter(Boolean).join(" · ");
      link.append(name, more);
      const item = document.createElement("li");
      item.append(link);
      return item;
    }));
    list.hidden = sections.length === 0;
  };

  const look = async () => {
    const query = field.value.trim();
    try {
      const { index, folded } = await load();
      if (field.value.trim() !== query) return;
      const sections = search(index, folded, query);
      show(sections, query);
      found.classList.toggle("unseen", query === "" || sections.length > 0);
      found.textContent = query === "" ? "" : sections.length === 0 ? form.dataset.none : String(sections.length);
    } catch {
      found.classList.remove("unseen");
      found.textContent = form.dataset.away;
    }
  };

  form.hidden = false;
  field.addEventListener("focus", () => load().catch(() => {}), { once: true });
  field.addEventListener("input", look);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { field.value = ""; look(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    field.focus();
  });
};

if (typeof document !== "undefined") {
  const form = document.querySelector("#search");
  if (form !== null) start(form);
}
