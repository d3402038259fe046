/** Requests to AURA in the user's name. */

/** Return the JSON that a request is answered with. Throws an Error with the server's words; `status` is 0 without an answer, `code` names the fault. */
export async function request(method, path, body) {
  const headers = { "X-CSRFToken": cookie("csrftoken"), ...(body && { "Content-Type": "application/json" }) };
  const response = await fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) }).catch(() => null);
  const answer = await response?.json().catch(() => ({}));
  if (response?.ok) return answer;
  throw Object.assign(new Error(answer?.error?.message ?? ""), { status: response?.status ?? 0, code: answer?.error?.code });
}

function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
