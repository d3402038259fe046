/** Hex dumps. */

const PRINTABLE = [0x20, 0x7e];

const hexByte = (byte) => byte.toString(16).padStart(2, "0");
const character = (byte) => (byte >= PRINTABLE[0] && byte <= PRINTABLE[1] ? String.fromCharCode(byte) : "·");

/**
 * Return the rows of a dump of `bytes`, `width` bytes each: `{offset, runs}`, where a run is `{part, hex, text}`: bytes beside
 * each other that belong to the same part. `parts` are `{from, to}`, rising and apart; bytes of none have part -1.
 */
export function hexRows(bytes, parts, width = 16) {
  const rows = [];
  let part = 0;
  for (let start = 0; start < bytes.length; start += width) {
    const runs = [];
    for (let at = start; at < Math.min(start + width, bytes.length); at += 1) {
      while (part < parts.length && parts[part].to <= at) part += 1;
      const owner = part < parts.length && parts[part].from <= at ? part : -1;
      if (runs.at(-1)?.part !== owner) runs.push({ part: owner, bytes: [] });
      runs.at(-1).bytes.push(bytes[at]);
    }
    rows.push({
      offset: start.toString(16).padStart(4, "0"),
      runs: runs.map((run) => ({
        part: run.part,
        hex: run.bytes.map(hexByte).join(" "),
        text: run.bytes.map(character).join(""),
      })),
    });
  }
  return rows;
}
