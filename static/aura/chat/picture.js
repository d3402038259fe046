/** Pictures made small enough to go with a question; what a camera wrote beside the picture (place, time) stays behind. */

const SIDES = [1_600, 1_280, 1_024, 768, 512, 384];
const QUALITY = 0.82;

/** Return `{bytes, url}` of a picture as a JPEG of at most `limit` bytes; null for a file that is none, or will not fit. */
export async function shrunk(file, limit) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (bitmap === null) return null;
  const canvas = document.createElement("canvas");
  const paper = canvas.getContext("2d");
  for (const side of SIDES) {
    const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    // JPEG has no transparency: it would become black.
    paper.fillStyle = "#ffffff";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const url = canvas.toDataURL("image/jpeg", QUALITY);
    const bytes = Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
    if (bytes.length <= limit) return { bytes, url };
  }
  return null;
}
